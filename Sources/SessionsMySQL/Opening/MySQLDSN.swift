#if MySQL
import Sessions

/// The parts of a data source name as Go's driver for MySQL has it:
/// `[user[:password]@][protocol[(address)]]/dbname[?param=value&…]`.
///
/// The last slash ends what is before the database's name, the last `@` before it the password, the first colon the user.
/// So a password may have colons, slashes and `@` in it, as they are. The database's name is percent-encoded.
struct MySQLDSN {
    var user: String?
    var password: String?
    /// In lower case; empty where none is written.
    var network = ""
    var address: Substring?
    var database = ""
    var parameters: [(name: String, value: String)] = []

    /// Shows nothing of the text: a mistyped one may have its password anywhere.
    init(_ text: String) throws(SessionStoreError) {
        guard text.utf8.count <= 16 * 1024 else { throw Self.error("it is longer than 16 KiB") }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Self.error("it contains a control character")
        }
        guard !text.isEmpty else {
            throw Self.error("it is empty: it looks like user:password@tcp(127.0.0.1:3306)/app")
        }
        guard text.utf8.firstRange(of: "://".utf8) == nil || !Self.startsWithScheme(text) else {
            throw Self.error("it is an address: open it as one, without the provider's name")
        }
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            throw Self.error("the slash before the name of the database is missing")
        }
        try readServer(text[..<slash])
        try readDatabase(text[text.utf8.index(after: slash)...])
    }

    static func error(_ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "mysql: the configuration string cannot be read: \(problem)")
    }

    private static func startsWithScheme(_ text: String) -> Bool {
        text.utf8.starts(with: "mysql://".utf8) || text.utf8.starts(with: "mariadb://".utf8)
    }

    private mutating func readServer(_ text: Substring) throws(SessionStoreError) {
        var rest = text
        if let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) {
            let credentials = text[..<at]
            rest = text[text.utf8.index(after: at)...]
            if let colon = credentials.utf8.firstIndex(of: UInt8(ascii: ":")) {
                user = String(credentials[..<colon])
                password = String(credentials[credentials.utf8.index(after: colon)...])
            } else {
                user = String(credentials)
            }
        }
        guard let open = rest.utf8.firstIndex(of: UInt8(ascii: "(")) else {
            network = String(rest)
            return
        }
        guard rest.utf8.last == UInt8(ascii: ")") else {
            throw Self.error(
                rest.utf8.contains(UInt8(ascii: ")"))
                    ? "something follows the \")\" behind the address: write %2F for a \"/\" in a parameter's value"
                    : "the \")\" behind the address is missing"
            )
        }
        network = String(rest[..<open])
        address = rest[rest.utf8.index(after: open)..<rest.utf8.index(before: rest.endIndex)]
    }

    private mutating func readDatabase(_ text: Substring) throws(SessionStoreError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        database = try Self.decoded(Substring(parts[0]), "name of the database", plusIsSpace: false)
        guard parts.count == 2 else { return }
        for pair in parts[1].split(separator: UInt8(ascii: "&")) {
            let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(Substring(sides[0]))
            guard sides.count == 2 else { throw Self.error("the parameter \(Spelling.shown(name)) has no value") }
            guard !parameters.contains(where: { $0.name == name }) else {
                throw Self.error("the parameter \(Spelling.shown(name)) stands there twice")
            }
            let value = try Self.decoded(Substring(sides[1]), "parameter \(Spelling.shown(name))", plusIsSpace: true)
            parameters.append((name, value))
        }
    }

    /// Decodes percent-encoding once, as Go's `url.PathUnescape` or `url.QueryUnescape` does.
    private static func decoded(
        _ text: Substring,
        _ part: String,
        plusIsSpace: Bool
    ) throws(SessionStoreError) -> String {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
                    throw error(
                        "in the \(part) no two hexadecimal digits follow a \"%\": write %25 for the character itself"
                    )
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error("the \(part) contains a control character")
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw error("the \(part) is not UTF-8") }
        return decoded
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        guard byte < 0x80 else { return nil }
        return Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
#endif
