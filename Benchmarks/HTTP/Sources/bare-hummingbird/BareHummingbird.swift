import Foundation
import Hummingbird
import Logging
import NIOCore

/// A Hummingbird application with the one route that the demo's W0 is compared to.
@main
struct BareHummingbird {
    private static let answer = ByteBuffer(string: #"{"ok":true}"#)

    static func main() async throws {
        let router = Router()
        router.get("api/plain") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "application/json; charset=utf-8"],
                body: ResponseBody(byteBuffer: answer)
            )
        }
        var logger = Logger(label: "bare-hummingbird") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .notice
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                // In the demo's words, so that one script reads both.
                try? FileHandle.standardOutput.write(
                    contentsOf: Data("listening on http://127.0.0.1:\(channel.localAddress?.port ?? 0)\n".utf8)
                )
            },
            logger: logger
        )
        try await application.runService()
    }
}
