#if Hummingbird
import ArgumentParser
import Foundation
import Hummingbird
import NIOCore
import Logging
import ServiceLifecycle
import Sessions
import UnixSignals

/// A small web server that shows what swift-sessions does: pages for people, and the same as JSON for programs.
@main
struct SessionDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session-demo",
        abstract: "A small shop with sign-in, and a JSON API, on top of swift-sessions.",
        discussion: """
            Without options it keeps its sessions in the folder ./sessions and listens on http://127.0.0.1:8080.

            Store URLs: memory:  file:PATH  redis://[user:password@]host:port[/db]  rediss://…
            redis-sentinel://host:port,host:port/NAME  redis-cluster://host:port,host:port
            """
    )

    @OptionGroup var options: Options

    /// Parses the arguments and runs; whatever goes wrong is one line on standard error and exit status 1.
    static func main() async {
        do {
            let command = try Self.parse()
            try await command.run()
        } catch {
            if exitCode(for: error) == .success {
                print(fullMessage(for: error))  // --help
            } else {
                fail(error)
            }
        }
    }

    func run() async throws {
        var logger = Logger(label: "session-demo") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = options.logLevel.level

        let sessions = try await options.openSessions(logger: logger)
        try await sessions.checkHealth()

        var app = Application(
            router: makeRouter(sessions: sessions),
            configuration: ApplicationConfiguration(address: .hostname(options.host, port: options.port)),
            onServerRunning: { [options] channel in
                print("listening on \(options.url(port: channel.localAddress?.port))")
                fflush(nil)
            },
            logger: logger
        )
        app.addServices(sessions)

        // The server stops first and lets requests in flight finish; what is left after 4 seconds is cancelled.
        var services = ServiceGroupConfiguration(
            services: [app],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        services.maximumGracefulShutdownDuration = .seconds(4)
        do {
            try await ServiceGroup(configuration: services).run()
        } catch is CancellationError {
            // Requests outlived the four seconds.
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw Failure("cannot listen on \(options.host):\(options.port): \(reason)")
        }
    }

    private static func fail(_ error: any Error) -> Never {
        let message =
            switch error {
            case let error as Failure: error.message
            case let error as SessionError: (error.cause as? SessionStoreError)?.message ?? error.message
            case let error as SessionStoreError: error.message
            default: message(for: error)
            }
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        FileHandle.standardError.write(Data("session-demo: \(line)\n".utf8))
        Foundation.exit(1)
    }
}

/// Why the demo cannot start, in one line.
struct Failure: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

#else

@main
enum SessionDemo {
    static func main() {
        print("session-demo needs the trait Hummingbird: swift run --traits Hummingbird session-demo")
    }
}

#endif
