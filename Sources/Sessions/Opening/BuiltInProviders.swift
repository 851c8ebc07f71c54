extension SessionStoreProvider {
    /// `memory`: ``MemorySessionStore``.
    ///
    /// Its configuration string is ignored, as it is in Go's `session` package. Its address is `memory:`, with
    /// `?maximum=N` for the most sessions to hold.
    public static let memory = SessionStoreProvider("memory") { location, context throws(SessionStoreError) in
        var configuration = MemorySessionStore.Configuration()
        switch location {
        case .config(let config):
            if config.utf8.contains(where: { !HTTPSyntax.isBlank($0) }) {
                context.warn("memory: the configuration string is ignored; leave it empty")
            }
        case .url(let url):
            guard url.hosts.isEmpty, url.user == nil, url.path.isEmpty || url.path == "/" else {
                throw SessionStoreError(
                    .misconfigured,
                    "memory: the address has no host and no path: write \"memory:\""
                )
            }
            try url.requireParameters(in: ["maximum"])
            configuration.maximumCount = try url.integer("maximum", in: 1...Int.max)
        }
        return MemorySessionStore(configuration: configuration)
    }

    /// `file`: ``FileSessionStore``.
    ///
    /// Its configuration string is the folder's path. Its address is `file:PATH`, or `file:///PATH` for an absolute one,
    /// with `?durability=flushed` for sessions that survive a power cut.
    public static let file = SessionStoreProvider("file") { location, _ throws(SessionStoreError) in
        let path: String
        var durability = FileSessionStore.Durability.none
        switch location {
        case .config(let config):
            path = String(HTTPSyntax.trimmed(Substring(config)))
            guard !HTTPSyntax.hasPrefix(path, ignoringCase: "file:") else {
                throw SessionStoreError(
                    .misconfigured,
                    "file: the configuration string is a path, not an address: leave out \"file:\""
                )
            }
        case .url(let url):
            guard url.hosts.isEmpty, url.user == nil else {
                throw SessionStoreError(
                    .misconfigured,
                    "file: the address has a host: write file:PATH, or file:///PATH for an absolute path"
                )
            }
            try url.requireParameters(in: ["durability"])
            switch url.parameters["durability"] {
            case nil, "none": break
            case "flushed": durability = .flushed
            default: throw SessionStoreError(.misconfigured, "file: the parameter durability is none or flushed")
            }
            path = url.path
        }
        guard !path.isEmpty else {
            throw SessionStoreError(.misconfigured, "file: the path of the folder is missing: name one, such as ./tmp")
        }
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw SessionStoreError(.misconfigured, "file: the path of the folder contains a control character")
        }
        return try FileSessionStore(path: path, durability: durability)
    }
}
