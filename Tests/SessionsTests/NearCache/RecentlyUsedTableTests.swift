import Sessions
import Testing

@Suite("A table that forgets what was not used for longest")
struct RecentlyUsedTableTests {
    @Test("It holds as many entries as it may, and drops the one that was used least lately")
    func order() {
        var table = RecentlyUsedTable<Int, String>(maximumCount: 2)
        table[1] = "a"
        table[2] = "b"
        #expect(table[1] == "a")
        table[3] = "c"
        #expect(table[2] == nil)
        #expect(table[1] == "a")
        #expect(table[3] == "c")
        table[1] = "d"
        table[4] = "e"
        #expect(table[3] == nil)
        #expect(table.count == 2)
    }

    @Test("It does what a plain list would do", arguments: [1, 2, 3, 7, 50])
    func model(maximumCount: Int) {
        var table = RecentlyUsedTable<Int, Int>(maximumCount: maximumCount)
        var list: [(key: Int, value: Int)] = []
        var random = SplitMix(state: UInt64(maximumCount))
        for step in 0..<20_000 {
            let key = Int.random(in: 0..<(2 * maximumCount + 2), using: &random)
            let index = list.firstIndex { $0.key == key }
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<45:
                #expect(table[key] == index.map { list[$0].value })
                if let index { list.append(list.remove(at: index)) }
            case 45..<85:
                table[key] = step
                if let index { list.remove(at: index) }
                list.append((key, step))
                if list.count > maximumCount { list.removeFirst() }
            case 85..<99:
                table[key] = nil
                if let index { list.remove(at: index) }
            default:
                guard step.isMultiple(of: 7) else { continue }
                table.removeAll()
                list = []
            }
            #expect(table.count == list.count)
        }
        for (key, value) in list { #expect(table[key] == value) }
    }
}
