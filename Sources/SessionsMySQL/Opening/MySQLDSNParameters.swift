#if MySQL
import Sessions

/// What the parameters of a DSN of Go's driver mean here.
///
/// | parameter | here |
/// |---|---|
/// | `tls` | `true`, `false`, `skip-verify` (warned about); `preferred` and names of configurations are refused |
/// | `timeout` | the time to connect |
/// | `readTimeout`, `writeTimeout` | the time of a whole operation: the longer one, if both are there |
/// | `allowCleartextPasswords` | `true` needs `tls=true` |
/// | `maxAllowedPacket`, `charset`, `collation`, `parseTime`, `loc`, `timeTruncate`, `columnsWithAlias`, `clientFoundRows`, `interpolateParams`, `checkConnLiveness`, `rejectReadOnly`, `connectionAttributes`, `compress`, `tinyInt1IsBool` | no effect, with a warning that says why; none for what is so anyway |
/// | `allowNativePasswords` | `false` is refused |
/// | `allowOldPasswords`, `allowAllFiles`, `allowFallbackToPlaintext`, `multiStatements` | `true` is refused |
/// | `serverPubKey` | refused: it names what a Go program has registered |
/// | the server's variables | refused: a session sets its own; `sql_mode`, `autocommit` and the like are part of what makes the store right |
struct MySQLDSNParameters {
    /// What a parameter with a truth value is good for.
    private enum Flag {
        /// Any value, without a word: it is so anyway, or does not matter.
        case silent
        /// No effect; a warning if it has this value.
        case ignored(if: Bool, because: String)
        /// An error if it has this value.
        case refused(if: Bool, because: String)
    }

    private static let flags: [String: Flag] = [
        "allowAllFiles": .refused(if: true, because: "the server would get any file of this machine that it asks for"),
        "allowFallbackToPlaintext": .refused(
            if: true,
            because: "anybody in between could have the encryption left out"
        ),
        "allowNativePasswords": .refused(
            if: false,
            because: "which plugins are good enough is the server's to say: give the user another one there"
        ),
        "allowOldPasswords": .refused(if: true, because: "passwords of that kind are no secret to whoever listens"),
        "checkConnLiveness": .ignored(if: false, because: "connections are always looked at before they are used"),
        // The store asks for it always: a commit must count rows that it has found, changed or not.
        "clientFoundRows": .silent,
        "columnsWithAlias": .ignored(if: true, because: "columns are read by their places"),
        "compress": .ignored(if: true, because: "records are too small to be worth it"),
        "interpolateParams": .ignored(
            if: true,
            because: "statements are prepared, and values never part of their text"
        ),
        "multiStatements": .refused(if: true, because: "no statement here is more than one, and none may become more"),
        "parseTime": .ignored(if: true, because: "times are kept as numbers"),
        "rejectReadOnly": .silent,
        "tinyInt1IsBool": .silent,
    ]

    /// Parameters with other values that have no effect.
    private static let ignored: [String: String] = [
        "charset": "values are bytes and numbers, which have no character set",
        "collation": "values are bytes and numbers, which have no collation",
        "connectionAttributes": "the program's name is the only one that is sent",
        "loc": "times are kept as numbers",
        "maxAllowedPacket": "the server is asked for its own",
        "timeTruncate": "times are kept as numbers",
    ]

    private static let refused: [String: String] = [
        "serverPubKey": "must be left out: it names a key that a Go program has registered; use tls=true",
        "strict": "must be left out: Go's driver knows it no more, and the store is always strict",
    ]

    private static let used = ["tls", "timeout", "readTimeout", "writeTimeout", "allowCleartextPasswords"]

    private static var known: [String] {
        used + Array(flags.keys) + Array(ignored.keys) + Array(refused.keys)
    }

    private(set) var tls: MySQLSessionStore.TLS?
    private(set) var allowsCleartextPassword = false
    private(set) var connectTimeout: Duration?
    private(set) var operationTimeout: Duration?

    init(_ parameters: [(name: String, value: String)], _ warnings: inout [String]) throws(SessionStoreError) {
        for (name, value) in parameters {
            switch name {
            case "tls": tls = try Self.encryption(value)
            case "allowCleartextPasswords": allowsCleartextPassword = try Self.boolean(name, value)
            case "timeout": connectTimeout = try Self.duration(name, value, &warnings)
            case "readTimeout", "writeTimeout":
                let time = try Self.duration(name, value, &warnings)
                operationTimeout = [operationTimeout, time].compactMap { $0 }.max()
            default: try Self.check(name, value, &warnings)
            }
        }
    }

    private static func error(_ name: String, _ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "mysql: the parameter \(name) \(problem)")
    }

    private static func check(
        _ name: String,
        _ value: String,
        _ warnings: inout [String]
    ) throws(SessionStoreError) {
        if let flag = flags[name] {
            let value = try boolean(name, value)
            switch flag {
            case .ignored(let forbidden, let reason) where value == forbidden:
                warnings.append("the parameter \(name) has no effect: \(reason)")
            case .refused(let forbidden, let reason) where value == forbidden:
                throw error(name, "must not be \(forbidden): \(reason)")
            default: break
            }
        } else if let reason = ignored[name] {
            warnings.append("the parameter \(name) has no effect: \(reason)")
        } else if let problem = refused[name] {
            throw error(name, problem)
        } else {
            let suggestion = Spelling.suggestion(for: name, from: known)
            throw SessionStoreError(
                .misconfigured,
                "mysql: unknown parameter \(Spelling.shown(name))\(suggestion). Variables of the server are not set from "
                    + "here: a session has those that the store needs"
            )
        }
    }

    private static func encryption(_ value: String) throws(SessionStoreError) -> MySQLSessionStore.TLS? {
        if let isOn = boolean(value) { return isOn ? .init() : nil }
        switch value.lowercased() {
        case "skip-verify":
            var tls = MySQLSessionStore.TLS()
            tls.insecureSkipVerify = true
            return tls
        case "preferred":
            throw error(
                "tls",
                "must be true or false: with preferred anybody in between could have the encryption left out"
            )
        default:
            throw error(
                "tls",
                "must be true, false or skip-verify: the name of a configuration that a Go program has registered says "
                    + "nothing here; open an address with cafile, certfile and keyfile instead"
            )
        }
    }

    /// The words that Go's driver takes for a truth value.
    private static func boolean(_ value: String) -> Bool? {
        switch value {
        case "1", "true", "TRUE", "True": true
        case "0", "false", "FALSE", "False": false
        default: nil
        }
    }

    private static func boolean(_ name: String, _ value: String) throws(SessionStoreError) -> Bool {
        guard let value = boolean(value) else { throw error(name, "must be true or false") }
        return value
    }

    private static func duration(
        _ name: String,
        _ value: String,
        _ warnings: inout [String]
    ) throws(SessionStoreError) -> Duration? {
        guard let duration = DurationText.duration(value) else {
            throw error(name, "must be a duration such as \"30s\", \"1m\" or \"1h30m\"")
        }
        guard duration != .zero else {
            warnings.append("the parameter \(name) has no effect: a time without limit becomes the default one")
            return nil
        }
        return duration
    }
}
#endif
