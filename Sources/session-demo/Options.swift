#if Hummingbird
import ArgumentParser
import Logging
import Sessions
import SessionsMySQL
import SessionsPostgres
import SessionsRedis
import SessionsSQLite

/// The command line's options.
struct Options: ParsableArguments {
    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port = 8080

    @Option(help: ArgumentHelp("Where sessions are kept. (default: file:./sessions)", valueName: "url"))
    var store: String?

    @Option(help: ArgumentHelp("A store by its name instead: memory, file, redis …", valueName: "name"))
    var provider: String?

    @Option(help: ArgumentHelp("The provider's config string.", valueName: "string"))
    var config: String?

    @Option(help: ArgumentHelp("How long an unused session lives. (default: 3600)", valueName: "seconds"))
    var idle: Double?

    @Option(help: ArgumentHelp("How long a session lives in all. (default: 86400)", valueName: "seconds"))
    var absolute: Double?

    @Option(help: ArgumentHelp("The cookie's name. (default: __Host-session)", valueName: "name"))
    var cookieName: String?

    @Flag(help: "Send the cookie \"session\" without Secure, for clients that send no Secure cookie over plain HTTP.")
    var insecureCookies = false

    @Flag(help: "Keep sessions that were read lately in memory; only with stores that report changes.")
    var nearCache = false

    @Option(help: ArgumentHelp("What is logged.", valueName: "level"))
    var logLevel = LogLevel.notice

    func validate() throws {
        guard 0...65535 ~= port else { throw ValidationError("--port \(port): ports go from 0 to 65535") }
        guard store == nil || provider == nil else {
            throw ValidationError("--store and --provider both name a store: give one of them")
        }
        guard config == nil || provider != nil else { throw ValidationError("--config needs --provider") }
        for (name, seconds) in [("--idle", idle), ("--absolute", absolute)] {
            if let seconds, !(1...34_560_000 ~= seconds) {
                throw ValidationError("\(name): sessions live 1 to 34560000 seconds (400 days)")
            }
        }
        // Neither a folder nor this process's memory tells anybody about changes.
        guard !nearCache || ["redis", "valkey", "postgres"].contains(where: storeName.hasPrefix) else {
            throw ValidationError("--near-cache: \(storeName) stores do not report changes, so none can be cached")
        }
        guard !nearCache || provider == nil else {
            throw ValidationError("--near-cache needs --store with an address, such as redis://127.0.0.1")
        }
    }

    /// Opens the store that the options name.
    func openSessions(logger: Logger) async throws -> SessionManager {
        #if Redis
        try SessionStoreRegistry.shared.registerRedis()
        #endif
        #if SQLite
        try SessionStoreRegistry.shared.registerSQLite()
        #endif
        #if MySQL
        try SessionStoreRegistry.shared.registerMySQL()
        #endif
        #if PostgreSQL
        try SessionStoreRegistry.shared.registerPostgres()
        #endif
        if let provider {
            return try await .open(provider, configuration: configuration, config: config ?? "", logger: logger)
        }
        var url = store ?? "file:./sessions"
        if nearCache { url += (url.contains("?") ? "&" : "?") + "near_cache=true" }
        return try await .open(url, configuration: configuration, logger: logger)
    }

    /// Where browsers find the demo.
    func url(port: Int?) -> String {
        let host = host.contains(":") ? "[\(host)]" : host
        return "http://\(host):\(port ?? self.port)"
    }

    private var configuration: SessionManager.Configuration {
        var configuration = SessionManager.Configuration()
        if let idle { configuration.lifetime.idle = .seconds(idle) }
        if let absolute { configuration.lifetime.absolute = .seconds(absolute) }
        var cookie = SessionCookie(name: cookieName ?? (insecureCookies ? "session" : "__Host-session"))
        if insecureCookies { cookie.security = .never }
        configuration.cookie = cookie
        return configuration
    }

    private var storeName: String { provider ?? String((store ?? "file").prefix { $0 != ":" }) }
}

/// What is logged.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .notice }
}
#endif
