import Testing

@testable import Sessions

@Suite struct ExpiryHeapTests {
    private func instant(_ milliseconds: Int64) -> SessionInstant { .init(millisecondsSince1970: milliseconds) }

    @Test("Random additions, removals and new deadlines give what a plain array gives", arguments: 0..<8)
    func agreesWithModel(seed: UInt64) {
        var random = SplitMix(state: seed)
        var heap = ExpiryHeap()
        var model: [SessionInstant] = []
        for _ in 0..<4000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let deadline = instant(.random(in: 0..<200, using: &random))
                heap.append(deadline)
                model.append(deadline)
            case 4..<7 where !model.isEmpty:
                let slot = Int.random(in: 0..<model.count, using: &random)
                heap.remove(slot)
                model.swapAt(slot, model.count - 1)
                model.removeLast()
            case 7..<10 where !model.isEmpty:
                let slot = Int.random(in: 0..<model.count, using: &random)
                model[slot] = instant(.random(in: 0..<200, using: &random))
                heap.setDeadline(model[slot], of: slot)
            default: break
            }
            #expect(heap.count == model.count)
            #expect(heap.first?.deadline == model.min())
            if let first = heap.first { #expect(model[first.slot] == first.deadline) }
        }
        for now in stride(from: -1 as Int64, through: 200, by: 20) {
            #expect(heap.countExpired(at: instant(now)) == model.count { $0 <= instant(now) })
        }
        // Emptied in order.
        var drained: [SessionInstant] = []
        while let first = heap.first {
            drained.append(first.deadline)
            heap.remove(first.slot)
        }
        #expect(drained == model.sorted())
    }
}

@Suite struct ExpiringTableTests {
    @Test("Random operations give what a dictionary gives, with keys that collide", arguments: 0..<8)
    func agreesWithModel(seed: UInt64) {
        var random = SplitMix(state: seed)
        var table = ExpiringTable<Int>()
        var model: [Digest32: (value: Int, deadline: Int64)] = [:]
        // Few different hashes, so that runs of the index are long and wrap around its end.
        let keys = (0..<400).map { number in
            var key = Digest32()
            key.w1 = UInt64.random(in: 0..<40, using: &random) &- 20
            key.w3 = UInt64(number)
            return key
        }
        for step in 0..<6000 {
            guard let key = keys.randomElement(using: &random) else { continue }
            let deadline = Int64.random(in: 0..<1000, using: &random)
            switch (table.find(key), Int.random(in: 0..<3, using: &random)) {
            case (nil, 0), (nil, 1):
                table.add(step, key: key, deadline: .init(millisecondsSince1970: deadline))
                model[key] = (step, deadline)
            case (let slot?, 0):
                table.remove(at: slot)
                model[key] = nil
            case (let slot?, 1):
                table.setValue(step, at: slot)
                table.setDeadline(.init(millisecondsSince1970: deadline), at: slot)
                model[key] = (step, deadline)
            default: break
            }
            if step.isMultiple(of: 500) {
                let now = SessionInstant(millisecondsSince1970: 100)
                while table.removeExpired(at: now, limit: 3) > 0 {}
                model = model.filter { $0.value.deadline > 100 }
            }
            #expect(table.count == model.count)
        }
        for key in keys {
            let slot = table.find(key)
            #expect(slot.map { table.slots[$0].value } == model[key]?.value)
            #expect(slot.map { table.slots[$0].deadline.millisecondsSince1970 } == model[key]?.deadline)
        }
        let now = SessionInstant(millisecondsSince1970: 500)
        #expect(table.countLive(at: now) == model.count { $0.value.deadline > 500 })
        let live = model.filter { $0.value.deadline > 500 }.keys.sorted(by: Digest32.precedes)
        #expect(table.firstKeys(7, after: nil, livingAt: now) == Array(live.prefix(7)))
        #expect(table.firstKeys(7, after: live[3], livingAt: now) == Array(live[4..<11]))
    }

    @Test("An emptied table gives back the storage of a flood")
    func givesStorageBack() {
        var table = ExpiringTable<Int>()
        for number in 0..<1000 {
            var key = Digest32()
            key.w1 = UInt64(number)
            table.add(number, key: key, deadline: .distantFuture)
        }
        while table.removeFirst() {}
        #expect(table.count == 0)
        #expect(table.slots.capacity == 0)
    }
}
