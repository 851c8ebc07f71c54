#if Redis
import NIOCore

/// Asks sentinels where the primary is, until one says.
///
/// One after the other: the next one as soon as one refuses, and also when one has not answered within its share of the
/// time. That one may still answer while others are being asked, so that a slow network is not taken for dead sentinels.
///
/// Belongs to its event loop.
final class SentinelInquiry {
    private let eventLoop: any EventLoop
    private let question: SentinelQuestion
    private let promise: EventLoopPromise<(sentinel: Int, answer: SentinelAnswer)>
    private let sentinels: [RedisTarget]
    /// How many have been asked.
    private var askedCount = 0
    /// An answer with a lower number is of the time before the last failover.
    private let lowestEpoch: Int64
    private let share: TimeAmount
    private var underWay: [Int: EventLoopFuture<any Channel>] = [:]
    private var failures: [RedisFailure] = []
    private var outdated: [(sentinel: Int, answer: SentinelAnswer)] = []
    private var next: Scheduled<Void>?
    private var isOver = false

    private init(
        _ sentinels: [RedisTarget],
        _ question: SentinelQuestion,
        lowestEpoch: Int64,
        within time: TimeAmount,
        on eventLoop: any EventLoop
    ) {
        self.eventLoop = eventLoop
        self.question = question
        self.lowestEpoch = lowestEpoch
        promise = eventLoop.makePromise()
        self.sentinels = sentinels
        share = .nanoseconds(time.nanoseconds / Int64(max(1, sentinels.count)))
    }

    /// Asks.
    /// - Parameters:
    ///   - sentinels: Whom, and in which order.
    ///   - lowestEpoch: The highest number that any sentinel has named so far. Answers with a lower one count only if most
    ///     sentinels give such.
    ///   - time: How long all of it may take.
    /// - Returns: The answer, and whose it is.
    static func ask(
        _ sentinels: [RedisTarget],
        _ question: SentinelQuestion,
        lowestEpoch: Int64,
        within time: TimeAmount,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<(sentinel: Int, answer: SentinelAnswer)> {
        let inquiry = SentinelInquiry(sentinels, question, lowestEpoch: lowestEpoch, within: time, on: eventLoop)
        inquiry.askNext()
        let timeout = eventLoop.assumeIsolated().scheduleTask(in: time) { inquiry.giveUp() }
        inquiry.promise.futureResult.whenComplete { _ in timeout.cancel() }
        return inquiry.promise.futureResult
    }

    private func askNext() {
        next?.cancel()
        next = nil
        guard !isOver, askedCount < sentinels.count else { return }
        let number = askedCount
        let target = sentinels[number]
        askedCount += 1
        let answer = eventLoop.makePromise(of: SentinelAnswer.self)
        let question = question
        let channel = target.connect(on: eventLoop) { channel, target in
            try channel.pipeline.syncOperations.addHandler(SentinelDialogue(target, question, answer: answer))
        }
        channel.whenFailure { answer.fail($0) }
        underWay[number] = channel
        answer.futureResult.assumeIsolated().whenComplete { self.receive($0, from: number) }
        if askedCount < sentinels.count {
            next = eventLoop.assumeIsolated().scheduleTask(in: share) { self.askNext() }
        }
    }

    private func receive(_ result: Result<SentinelAnswer, any Error>, from number: Int) {
        guard !isOver else { return }
        underWay[number] = nil
        switch result {
        case .success(let answer):
            guard let epoch = answer.epoch, epoch < lowestEpoch else { return end(.success((number, answer))) }
            outdated.append((number, answer))
        case .failure(let error):
            failures.append(sentinels[number].failure(for: error))
        }
        if askedCount < sentinels.count {
            askNext()
        } else if underWay.isEmpty {
            giveUp()
        }
    }

    private func giveUp() {
        // A failover takes the votes of most sentinels, so they know of it. Unless somebody has set them up anew since, and
        // the numbers have begun anew.
        if outdated.count * 2 > sentinels.count,
            let best = outdated.max(by: { $0.answer.epoch ?? 0 < $1.answer.epoch ?? 0 })
        {
            return end(.success(best))
        }
        // What a sentinel has refused is for somebody to repair; that others are down is not what stands in the way.
        if let refusal = failures.first(where: \.isRefusal) { return end(.failure(refusal)) }
        let silent = underWay.keys.sorted().map { "\(sentinels[$0].name) does not answer" }
        let behind = outdated.map { "\(sentinels[$0.sentinel].name) has not heard of the last failover" }
        let reasons = (behind + failures.map(\.message) + silent).joined(separator: "; ")
        end(.failure(RedisFailure(.notExecuted, "no sentinel answers (\(reasons))")))
    }

    private func end(_ result: Result<(sentinel: Int, answer: SentinelAnswer), RedisFailure>) {
        guard !isOver else { return }
        isOver = true
        next?.cancel()
        for channel in underWay.values { channel.whenSuccess { $0.close(promise: nil) } }
        promise.completeWith(result.mapError { $0 as any Error })
    }
}

extension RedisFailure {
    /// Whether a server was there and said no.
    fileprivate var isRefusal: Bool {
        switch fate {
        case .refused, .misconfigured: true
        default: false
        }
    }
}
#endif
