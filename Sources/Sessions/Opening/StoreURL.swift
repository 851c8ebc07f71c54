/// The address of a store: `scheme:path?query` or `scheme://user:password@host:port,host2:port/path?query`.
///
/// ```
/// memory:?maximum=100000
/// file:./sessions?durability=flushed
/// mysql://app:p%40ss@db.example.com:3306,db2.example.com/app?pool=16
/// redis://[2001:db8::1]:6379/0
/// postgresql://app@%2Frun%2Fpostgresql/app
/// ```
/// The syntax is that of RFC 3986, with several hosts allowed, and a percent-encoded path in a host's place for a local
/// socket. Characters with a meaning (`@ / ? # : %`) are percent-encoded in users, passwords and names. What does not
/// fit is an error that names the part and never shows it: a mistyped address may have its password anywhere.
public struct StoreURL: Hashable, Sendable {
    /// One of the servers.
    public struct Host: Hashable, Sendable {
        /// A host name, an IP address without brackets, or the path of a local socket, which starts with `/`.
        public let name: String
        /// The port, 1 to 65535, or `nil` for the usual one.
        public let port: Int?

        /// Creates a host.
        public init(name: String, port: Int? = nil) {
            self.name = name
            self.port = port
        }

        /// Whether ``name`` is the path of a local socket.
        public var isSocketPath: Bool { name.utf8.first == UInt8(ascii: "/") }
    }

    /// What kind of store it is, in lower case: the name of a ``SessionStoreProvider``.
    public let scheme: String
    /// The user, decoded.
    public let user: String?
    /// The password, decoded. No description shows it.
    public let password: String?
    /// The servers, in the order in which they stand.
    public let hosts: [Host]
    /// The path, decoded: with its leading `/` behind `scheme://host`, as it stands behind a mere `scheme:`.
    public let path: String
    /// The parameters behind the question mark, decoded.
    public let parameters: [String: String]

    /// Whether the address has the form with `//`.
    let hasAuthority: Bool

    /// Reads an address.
    /// - Throws: `.misconfigured`, naming the part that is wrong.
    public init(_ text: String) throws(SessionStoreError) {
        guard text.utf8.count <= Self.maximumByteCount else {
            throw Self.error("it is longer than \(Self.maximumByteCount) bytes")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Self.error("it contains a control character: percent-encode it")
        }
        guard !text.utf8.contains(UInt8(ascii: "#")) else {
            throw Self.error("it contains \"#\", which has no meaning here: write %23")
        }
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            throw Self.error("the scheme is missing: it starts with a name and a colon, such as \"file:\"")
        }
        guard let scheme = SessionStoreProvider.normalized(String(text[..<colon])) else {
            throw Self.error("the scheme has other characters than letters, digits and \"+-._\"")
        }
        self.scheme = scheme

        let rest = text[text.utf8.index(after: colon)...]
        let (beforeQuery, query) = Self.split(rest, at: UInt8(ascii: "?"))
        parameters = try query.map { query throws(SessionStoreError) in try Self.parameters(in: query) } ?? [:]

        hasAuthority = beforeQuery.utf8.starts(with: "//".utf8)
        // A folder may have a space in its name, and a shell's user writes it as it is; a server's address has none.
        guard !hasAuthority || !rest.utf8.contains(UInt8(ascii: " ")) else {
            throw Self.error("it contains a space: percent-encode it")
        }
        guard hasAuthority else {
            (user, password, hosts) = (nil, nil, [])
            path = try Self.decoded(beforeQuery, part: "path")
            return
        }
        let (authority, path) = Self.splitAuthority(beforeQuery.dropFirst(2))
        let hasUserInfo = authority.utf8.contains(UInt8(ascii: "@"))
        // An unescaped / or ? in a password ends the authority in the middle of the password. Then the @ follows.
        guard hasUserInfo || !rest.utf8.contains(UInt8(ascii: "@")) else {
            throw Self.error(
                "an \"@\" follows the host: write \"/\", \"?\" and \"@\" in user and password as %2F, %3F, %40"
            )
        }
        self.path = try Self.decoded(path, part: "path")
        let hostList: Substring
        if hasUserInfo {
            let parts = authority.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Self.error("there is more than one \"@\": write %40 in user and password")
            }
            let (user, password) = Self.split(Substring(parts[0]), at: UInt8(ascii: ":"))
            self.user = try Self.decoded(user, part: "user")
            self.password = try password.map { text throws(SessionStoreError) in
                try Self.decoded(text, part: "password")
            }
            hostList = Substring(parts[1])
        } else {
            (user, password) = (nil, nil)
            hostList = authority
        }
        if hostList.isEmpty {
            guard !hasUserInfo else { throw Self.error("the host is missing behind the \"@\"") }
            hosts = []
        } else {
            hosts = try Self.hosts(in: hostList)
        }
    }

    /// The most bytes that an address has.
    static let maximumByteCount = 16 * 1024

    static func error(_ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "the store's URL cannot be read: \(problem)")
    }
}

extension StoreURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address without its password and without the values of its parameters, which may be secrets as well.
    public var description: String {
        var text = "\(scheme):"
        if hasAuthority {
            text += "//"
            if let user { text += password == nil ? "\(user)@" : "\(user):redacted@" }
            text += hosts.map { host in
                let name = host.name.utf8.contains(UInt8(ascii: ":")) ? "[\(host.name)]" : host.name
                return host.port.map { "\(name):\($0)" } ?? name
            }.joined(separator: ",")
        }
        // Something like user:password@host/name, taken for an address, would have its password in the path.
        let mayHoldPassword = !hasAuthority && path.utf8.contains(UInt8(ascii: "@"))
        text += mayHoldPassword ? "redacted" : path
        if !parameters.isEmpty {
            let names = parameters.keys.sorted().map { Spelling.isName($0) ? $0 : "redacted" }
            text += "?" + names.map { "\($0)=redacted" }.joined(separator: "&")
        }
        return text
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
