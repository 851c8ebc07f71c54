#if MySQL
import CMariaDB
import Sessions
import SessionsSQL
import Synchronization

/// The servers of a store, and how a connection to one of them is opened.
final class MySQLTarget: Sendable {
    let configuration: MySQLSessionStore.Configuration
    private let statements: SQLStatements
    /// When a connection to a host failed last, host by host.
    private let failures: Mutex<[ContinuousClock.Instant?]>

    /// How long a host that could not be reached is tried last.
    private static let avoidance = Duration.seconds(10)

    init(_ configuration: MySQLSessionStore.Configuration, _ statements: SQLStatements) {
        self.configuration = configuration
        self.statements = statements
        failures = Mutex(Array(repeating: nil, count: configuration.hosts.count))
    }

    /// A connection to the first host that is there and writes.
    func connect() throws(SQLFailure) -> any SQLConnection {
        var last: SQLFailure?
        for index in hostsInOrder() {
            let address = configuration.hosts[index]
            do throws(SQLFailure) {
                let connection = try open(address)
                failures.withLock { $0[index] = nil }
                return connection
            } catch {
                failures.withLock { $0[index] = .now }
                var failure = error
                if configuration.hosts.count > 1 { failure.message = "\(address): \(failure.message)" }
                // What lasts until somebody changes something says more than that another host is down.
                if last == nil || last?.kind == .connection || failure.kind != .connection { last = failure }
            }
        }
        throw last ?? SQLFailure(.misconfigured, "there is no host")
    }

    private func hostsInOrder() -> [Int] {
        let now = ContinuousClock.now
        return failures.withLock { failures in
            let isAvoided = failures.map { $0.map { $0 + Self.avoidance > now } ?? false }
            return failures.indices.filter { !isAvoided[$0] } + failures.indices.filter { isAvoided[$0] }
        }
    }

    private func open(_ address: MySQLSessionStore.Address) throws(SQLFailure) -> MySQLConnection {
        try MySQLHandshakeDeadline.with(.now + configuration.connectTimeout) { () throws(SQLFailure) in
            let handle = try handshake(address)
            let connection = MySQLConnection(handle, statements)
            do throws(SQLFailure) {
                try checkEncryption(handle)
                try prepareSession(connection)
            } catch {
                connection.close()
                throw error
            }
            // From here on the pool watches the time.
            mysql_options(handle, MARIADB_OPT_IO_WAIT, nil)
            return connection
        }
    }

    // MARK: The handshake

    private func handshake(_ address: MySQLSessionStore.Address) throws(SQLFailure) -> UnsafeMutablePointer<MYSQL> {
        guard MySQLLibrary.isReady, let handle = mysql_init(nil) else {
            throw SQLFailure(.full, "there is no memory for a connection")
        }
        setOptions(handle)
        let host: String?
        let (port, socket): (Int, String?)
        let transport: mysql_protocol_type
        switch address.wrapped {
        case .host(let name, let number): (host, port, socket, transport) = (name, number, nil, MYSQL_PROTOCOL_TCP)
        case .unixSocket(let path): (host, port, socket, transport) = (nil, 0, path, MYSQL_PROTOCOL_SOCKET)
        }
        // Else the library takes its own idea of a socket for "localhost".
        set(handle, MYSQL_OPT_PROTOCOL, UInt32(transport.rawValue))
        let connected = mysql_real_connect(
            handle,
            host,
            configuration.username,
            configuration.password ?? "",
            configuration.database,
            UInt32(port),
            socket,
            UInt(CLIENT_FOUND_ROWS)
        )
        guard connected != nil else {
            let failure = MySQLError(handle).failure(.connecting)
            mysql_close(handle)
            throw failure
        }
        return handle
    }

    private func setOptions(_ handle: UnsafeMutablePointer<MYSQL>) {
        set(handle, MYSQL_OPT_CONNECT_TIMEOUT, Self.seconds(configuration.connectTimeout))
        // A second line behind the pool, which ends a call to the millisecond, those that make tables included.
        let longest = max(configuration.operationTimeout, MySQLSessionStore.creationTimeout)
        let seconds = Self.seconds(longest) + 1
        set(handle, MYSQL_OPT_READ_TIMEOUT, seconds)
        set(handle, MYSQL_OPT_WRITE_TIMEOUT, seconds)
        set(handle, MYSQL_OPT_RECONNECT, my_bool(0))
        // A server that asks for one of this machine's files gets none.
        set(handle, MYSQL_OPT_LOCAL_INFILE, UInt32(0))
        // As long as a record may be, and what belongs to its row: a greater length is none of ours.
        set(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, UInt((1 << 24) + (1 << 16)))
        mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4")
        mysql_options(handle, MARIADB_OPT_RESTRICTED_AUTH, configuration.allowedAuthentication.joined(separator: ","))
        mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "swift-sessions")
        mysql_options(
            handle,
            MARIADB_OPT_IO_WAIT,
            unsafeBitCast(MySQLHandshakeDeadline.wait, to: UnsafeRawPointer.self)
        )
        guard let tls = configuration.tls else {
            // Later versions of the library encrypt and verify unless told otherwise.
            set(handle, MYSQL_OPT_SSL_ENFORCE, my_bool(0))
            set(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, my_bool(0))
            return
        }
        set(handle, MYSQL_OPT_SSL_ENFORCE, my_bool(1))
        set(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, my_bool(tls.insecureSkipVerify ? 0 : 1))
        mysql_options(handle, MYSQL_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3")
        if let path = tls.authorityFile { mysql_options(handle, MYSQL_OPT_SSL_CA, path) }
        if let path = tls.certificateFile { mysql_options(handle, MYSQL_OPT_SSL_CERT, path) }
        if let path = tls.keyFile { mysql_options(handle, MYSQL_OPT_SSL_KEY, path) }
    }

    private func set<Value>(_ handle: UnsafeMutablePointer<MYSQL>, _ option: mysql_option, _ value: Value) {
        withUnsafeBytes(of: value) { _ = mysql_options(handle, option, $0.baseAddress) }
    }

    /// Rounded up: the library knows no smaller unit.
    private static func seconds(_ duration: Duration) -> UInt32 {
        let (seconds, attoseconds) = duration.components
        return UInt32(clamping: seconds + (attoseconds > 0 ? 1 : 0))
    }

    /// Without verification the library takes a server that does not speak TLS at all.
    private func checkEncryption(_ handle: UnsafeMutablePointer<MYSQL>) throws(SQLFailure) {
        guard configuration.tls != nil, mysql_get_ssl_cipher(handle) == nil else { return }
        throw SQLFailure(
            .misconfigured,
            "no encrypted connection: the server does not offer TLS",
            closesConnection: true
        )
    }

    // MARK: The session

    /// What a connection needs, whatever the server's own settings are.
    private func prepareSession(_ connection: MySQLConnection) throws(SQLFailure) {
        // A statement that waits for a lock longer than its caller waits for it would be executed when nobody expects it
        // any more. The server does not end an idle connection before the pool does.
        let lockTimeout = max(1, Self.seconds(configuration.operationTimeout) / 2)
        let idleTimeout = Self.seconds(configuration.maximumIdleTime) + 60
        try connection.command(
            """
            SET SESSION autocommit = 1, SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
            SESSION innodb_lock_wait_timeout = \(lockTimeout), SESSION lock_wait_timeout = \(lockTimeout), \
            SESSION wait_timeout = \(idleTimeout)
            """,
            .harmless
        )
        // Each statement sees what was committed before it, and locks the rows that it changes and no gaps between them.
        try connection.command("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", .harmless)
        let row = try connection.query("SELECT @@max_allowed_packet, @@global.read_only").first ?? []
        if let size = row.first.flatMap({ $0 }).flatMap({ Int($0) }) { connection.maximumPacket = size }
        // With one host there is no choice, and reading goes on while a failover makes up its mind.
        if configuration.hosts.count > 1, row.count == 2, Self.isOn(row[1]) {
            throw SQLFailure(.readOnly, "the server does not write: it is a replica", closesConnection: true)
        }
    }

    /// Whether a variable is on: `1`, or one of the words of later versions.
    static func isOn(_ value: String?) -> Bool { !["0", "OFF", "", nil].contains(value) }
}

/// What the library needs before anything else.
enum MySQLLibrary {
    /// Initializes it at its first use. It needs nothing for each thread.
    static let isReady: Bool = mysql_server_init(0, nil, nil) == 0
}
#endif
