extension StoreURL {
    /// What stands before and behind the first `separator`.
    static func split(_ text: Substring, at separator: UInt8) -> (Substring, Substring?) {
        guard let index = text.utf8.firstIndex(of: separator) else { return (text, nil) }
        return (text[..<index], text[text.utf8.index(after: index)...])
    }

    static func splitAuthority(_ text: Substring) -> (authority: Substring, path: Substring) {
        let end = text.utf8.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex
        return (text[..<end], text[end...])
    }

    static func parameters(in query: Substring) throws(SessionStoreError) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let (name, value) = split(Substring(pair), at: UInt8(ascii: "="))
            let decodedName = try decoded(name, part: "name of a parameter")
            guard !decodedName.isEmpty else { throw error("a parameter has no name") }
            guard parameters[decodedName] == nil else {
                throw error("the parameter \(Spelling.shown(decodedName)) stands there twice")
            }
            parameters[decodedName] = try decoded(value ?? "", part: "parameter \(Spelling.shown(decodedName))")
        }
        return parameters
    }

    static func hosts(in list: Substring) throws(SessionStoreError) -> [Host] {
        var hosts: [Host] = []
        for text in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            hosts.append(try host(Substring(text)))
        }
        return hosts
    }

    private static func host(_ text: Substring) throws(SessionStoreError) -> Host {
        guard !text.isEmpty else { throw error("a host is empty: hosts are separated by single commas") }
        if text.utf8.first == UInt8(ascii: "[") {
            guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else {
                throw error("a host starts with \"[\" and has no \"]\"")
            }
            let address = try decoded(text[text.utf8.index(after: text.startIndex)..<end], part: "host")
            guard address.utf8.contains(UInt8(ascii: ":")), IPAddress(address) != nil else {
                throw error("the host in brackets is no IPv6 address")
            }
            let rest = text[text.utf8.index(after: end)...]
            guard rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") else {
                throw error("something other than a port follows the host in brackets")
            }
            return Host(name: address, port: rest.isEmpty ? nil : try Self.port(rest.dropFirst()))
        }
        let (encodedName, portText) = split(text, at: UInt8(ascii: ":"))
        if let portText, portText.utf8.contains(UInt8(ascii: ":")) {
            throw error("a host has several colons: an IPv6 address stands in brackets, such as [2001:db8::1]:6379")
        }
        let name = try decoded(encodedName, part: "host")
        var port: Int?
        if let portText { port = try Self.port(portText) }
        if name.utf8.first == UInt8(ascii: "/") { return Host(name: name, port: port) }
        guard !name.isEmpty, name.utf8.count <= 253,
            name.utf8.allSatisfy({ HTTPSyntax.isAlphanumeric($0) || "-._".utf8.contains($0) })
        else { throw error("a host is no host name, no IP address and no percent-encoded path of a socket") }
        return Host(name: name, port: port)
    }

    private static func port(_ text: Substring) throws(SessionStoreError) -> Int {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy(HTTPSyntax.isDigit), let port = Int(text),
            (1...65535).contains(port)
        else {
            throw error(
                "a port is no number from 1 to 65535; if it is part of a password, percent-encode \"/\", \"?\" and \"@\""
            )
        }
        return port
    }

    /// Decodes percent-encoding once. `+` stays what it is.
    static func decoded(_ text: Substring, part: String) throws(SessionStoreError) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
                throw error(
                    "in the \(part) no two hexadecimal digits follow a \"%\": write %25 for the character itself"
                )
            }
            bytes.append(high << 4 | low)
        }
        // Line ends and NUL would reach commands and system calls that end there.
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error("the \(part) contains a control character")
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw error("the \(part) is not UTF-8")
        }
        return decoded
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch HTTPSyntax.lowercased(byte) {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): HTTPSyntax.lowercased(byte) - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

extension StoreURL {
    /// Refuses parameters other than `names`: a mistyped one would otherwise be ignored.
    /// - Throws: `.misconfigured`, naming the parameter and those that are known.
    public func requireParameters(in names: [String]) throws(SessionStoreError) {
        guard let unknown = parameters.keys.sorted().first(where: { !names.contains($0) }) else { return }
        let known = names.isEmpty ? "there are none" : "known: \(names.sorted().joined(separator: ", "))"
        throw SessionStoreError(
            .misconfigured,
            "\(scheme): unknown parameter \(Spelling.shown(unknown)) (\(known))\(Spelling.suggestion(for: unknown, from: names))"
        )
    }

    /// The parameter `name` as a number, or `nil` if it is not there.
    /// - Throws: `.misconfigured`, naming the parameter, if it is no number in `range`.
    public func integer(_ name: String, in range: ClosedRange<Int>) throws(SessionStoreError) -> Int? {
        guard let text = parameters[name] else { return nil }
        guard !text.isEmpty, text.utf8.allSatisfy(HTTPSyntax.isDigit), let number = Int(text), range.contains(number)
        else {
            throw SessionStoreError(
                .misconfigured,
                "\(scheme): the parameter \(name) is no number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }
}
