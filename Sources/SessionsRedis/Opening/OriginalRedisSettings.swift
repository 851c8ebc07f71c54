#if Redis
import Sessions

/// The settings of Go's `session` package for Redis, as they were written: in fields between commas, or as JSON.
struct OriginalRedisSettings {
    /// A setting; its value is its name in JSON.
    enum Setting: String, CaseIterable {
        case addresses = "save_path"
        case poolSize = "poolsize"
        case password
        case database = "db_num"
        case masterName = "master_name"
        case idleTimeout = "idle_timeout"
        case idleCheckFrequency = "idle_check_frequency"
        case maximumRetries = "max_retries"
    }

    /// A setting's value: from JSON, which has types, or from a field, which is only text.
    enum Value {
        case json(FlatJSON.Value)
        case text(Substring)
    }

    let arrangement: RedisArrangement
    let isJSON: Bool
    private var values: [Setting: Value] = [:]

    init(_ config: String, for arrangement: RedisArrangement) throws(SessionStoreError) {
        self.arrangement = arrangement
        let config = Self.trimmed(config)
        isJSON = config.utf8.first == UInt8(ascii: "{")
        if isJSON {
            try read(json: String(config))
        } else {
            try read(fields: config)
        }
    }

    /// Without white space at the ends, the newline of a file that holds the string included.
    private static func trimmed(_ text: String) -> Substring {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        var text = Substring(text).utf8
        while let first = text.first, isSpace(first) { text.removeFirst() }
        while let last = text.last, isSpace(last) { text.removeLast() }
        return Substring(text)
    }

    /// The settings in the order of the fields.
    private var fields: [Setting] { Setting.allCases.filter { $0 != .masterName || arrangement == .sentinel } }

    private mutating func read(fields text: Substring) throws(SessionStoreError) {
        let fields = fields
        let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        // A host may be called "redis", so the name alone says nothing.
        let address = parts.first ?? text.utf8
        guard !address.contains(UInt8(ascii: "@")), address.firstRange(of: "://".utf8) == nil else {
            throw error("the configuration string is an address: open it as one, without the provider's name")
        }
        guard parts.count <= fields.count else {
            throw error(
                "there are more than \(fields.count) fields: a password with a comma can only stand in the JSON form "
                    + "or, as %2C, in an address"
            )
        }
        for (setting, part) in zip(fields, parts) where !part.isEmpty {
            values[setting] = .text(Substring(part))
        }
    }

    private mutating func read(json: String) throws(SessionStoreError) {
        let members: [(name: String, value: FlatJSON.Value)]
        do throws(FlatJSON.Malformed) {
            members = try FlatJSON.members(in: json)
        } catch {
            throw self.error("the JSON cannot be read: \(error.problem) (at byte \(error.offset))")
        }
        let known = fields
        for member in members {
            guard let setting = known.first(where: { HTTPSyntax.equals($0.rawValue, member.name) }) else {
                if HTTPSyntax.equals(Setting.masterName.rawValue, member.name) {
                    throw error("master_name is for sentinels: the provider for these is redis_sentinel")
                }
                let suggestion = Spelling.suggestion(for: member.name, from: known.map(\.rawValue))
                throw error("the JSON has an unknown field \(Spelling.shown(member.name))\(suggestion)")
            }
            guard values.updateValue(.json(member.value), forKey: setting) == nil else {
                throw error(setting, "must not stand there twice")
            }
        }
    }
}

extension OriginalRedisSettings {
    /// The provider's name in the original.
    var provider: String {
        switch arrangement {
        case .single: "redis"
        case .sentinel: "redis_sentinel"
        case .cluster: "redis_cluster"
        }
    }

    /// What a setting is called where it was written.
    func name(_ setting: Setting) -> String {
        guard !isJSON, let index = fields.firstIndex(of: setting) else { return setting.rawValue }
        return "\(setting.rawValue) (field \(index + 1))"
    }

    func error(_ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "\(provider): \(problem)")
    }

    func error(_ setting: Setting, _ problem: String) -> SessionStoreError { error("\(name(setting)) \(problem)") }

    /// The names for what turns out to be wrong in the configuration that comes out.
    var names: RedisFieldNames {
        let provider = provider
        let written = Dictionary(uniqueKeysWithValues: Setting.allCases.map { ($0, name($0)) })
        return RedisFieldNames { field in
            let setting: Setting =
                switch field {
                case .masterName: .masterName
                case .password: .password
                case .database: .database
                case .connectionsPerServer: .poolSize
                // The others have their defaults, or come from the name of the provider.
                default: .addresses
                }
            return "\(provider): \(written[setting] ?? setting.rawValue)"
        }
    }

    /// Text, or `nil` if there is none or nothing in it.
    func text(_ setting: Setting) throws(SessionStoreError) -> Substring? {
        switch values[setting] {
        case nil, .json(.null): nil
        case .json(.string(let text)): text.isEmpty ? nil : Substring(text)
        case .text(let text): text
        default: throw error(setting, "must be a string")
        }
    }

    /// A whole number, or `nil` if there is none.
    func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(SessionStoreError) -> Int? {
        let problem = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        let number: Int?
        switch values[setting] {
        case nil, .json(.null): return nil
        case .json(.integer(let value)): number = Int(exactly: value)
        case .text(let text):
            let text = HTTPSyntax.trimmed(text)
            if text.isEmpty { return nil }
            number = Int(text)
        default: throw error(setting, problem)
        }
        guard let number, range.contains(number) else { throw error(setting, problem) }
        return number
    }

    /// Whether a length of time is there and is not zero: a number of seconds in a field, text with a unit in JSON.
    func isNonzeroTime(_ setting: Setting) throws(SessionStoreError) -> Bool {
        guard isJSON else { return try integer(setting, in: Self.off...Int(Int32.max)) ?? 0 != 0 }
        guard let text = try text(setting) else { return false }
        guard let duration = DurationText.duration(String(text)) else {
            throw error(setting, "must be a duration such as \"30s\", \"1m\" or \"1h30m\"")
        }
        return duration != .zero
    }

    /// How the original's client writes "not at all".
    static let off = -1
}
#endif
