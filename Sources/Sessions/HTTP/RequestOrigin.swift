import HTTPTypes

/// Where a request came from, as far as it is known for certain.
///
/// `Forwarded` and `X-Forwarded-…` can be written by anybody; they are believed only if the connection comes from a
/// trusted proxy, and then hop by hop from the right, up to the first hop that is not trusted itself. Trusted proxies
/// must set or remove these fields. Where both kinds are there, `X-Forwarded-…` counts.
struct RequestOrigin: Hashable, Sendable {
    /// Whether the client spoke `https`.
    let isSecure: Bool
    /// The client's address, or `nil` if it is not known.
    let clientAddress: String?

    init(scheme: String?, peerAddress: String?, fields: HTTPFields, trustedProxies: [AddressRange]) {
        let isHTTPS = scheme.map { HTTPSyntax.equals($0, "https") } ?? false
        guard !trustedProxies.isEmpty, let peerAddress, Self.isTrusted(peerAddress, trustedProxies) else {
            isSecure = isHTTPS
            clientAddress = peerAddress
            return
        }
        let hops = Self.hops(in: fields)
        // From the right: the last hop was written by the trusted peer; if it names a trusted proxy, so was the hop
        // before it, and so on. All trusted: the first one is the client.
        let hop = hops.last { !Self.isTrusted($0.address, trustedProxies) } ?? hops.first
        clientAddress = hop.map { $0.address.flatMap { IPAddress($0) == nil ? nil : $0 } } ?? peerAddress
        let scheme = hop?.scheme ?? fields[.xForwardedProto].flatMap(Self.lastElement)
        isSecure = scheme.map { HTTPSyntax.equals($0, "https") } ?? isHTTPS
    }

    /// What kind of network an address belongs to: "loopback", "link-local", "private" or "public"; `nil` for what is
    /// no address.
    static func addressClass(of address: String?) -> String? {
        guard let address, let address = IPAddress(address), !address.isUnspecified else { return nil }
        func isIn(_ ranges: [AddressRange]) -> Bool { ranges.contains { $0.contains(address) } }
        if isIn(AddressRange.loopback) { return "loopback" }
        if isIn(AddressRange.linkLocal) { return "link-local" }
        if isIn(AddressRange.privateNetworks) || isIn(AddressRange.carrierNetworks) { return "private" }
        return "public"
    }

    private struct Hop {
        var address: String?
        var scheme: String?
    }

    /// The most hops that are looked at, counted from the right.
    private static let maximumHopCount = 32

    private static func isTrusted(_ address: String?, _ proxies: [AddressRange]) -> Bool {
        guard let address, let address = IPAddress(address) else { return false }
        return proxies.contains { $0.contains(address) }
    }

    private static func hops(in fields: HTTPFields) -> [Hop] {
        if fields.contains(.xForwardedFor) || fields.contains(.xForwardedProto) {
            var hops = elements(of: fields[.xForwardedFor] ?? "").map { Hop(address: Self.address(in: $0)) }
            let schemes = fields[.xForwardedProto].map(elements) ?? []
            if schemes.count == hops.count {
                for index in hops.indices { hops[index].scheme = String(schemes[index]) }
            }
            return hops
        }
        return fields[.forwarded].map { forwardedHops($0) } ?? []
    }

    private static func elements(of list: String) -> [Substring] {
        Array(HTTPSyntax.elements(of: list).suffix(maximumHopCount))
    }

    private static func lastElement(of list: String) -> String? {
        elements(of: list).last.map { String($0) }
    }

    /// The address in `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:443`.
    private static func address(in node: Substring) -> String? {
        if node.utf8.first == UInt8(ascii: "[") {
            guard let end = node.utf8.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            return String(node[node.utf8.index(after: node.startIndex)..<end])
        }
        let parts = node.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        return String(parts.count == 2 ? Substring(parts[0]) : node)
    }

    /// Reads `Forwarded` (RFC 7239, section 4): `for=192.0.2.1;proto=https, for="[2001:db8::1]:443"`.
    private static func forwardedHops(_ text: String) -> [Hop] {
        var hops: [Hop] = []
        for element in split(text, at: UInt8(ascii: ",")).suffix(maximumHopCount) {
            var hop = Hop()
            for pair in split(element, at: UInt8(ascii: ";")) {
                guard let sign = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
                let name = HTTPSyntax.trimmed(pair[..<sign])
                let value = unquoted(HTTPSyntax.trimmed(pair[pair.utf8.index(after: sign)...]))
                if HTTPSyntax.equals(name, "for") { hop.address = address(in: value) }
                if HTTPSyntax.equals(name, "proto") { hop.scheme = String(value) }
            }
            hops.append(hop)
        }
        return hops
    }

    /// Splits at `separator` where it stands outside quotes.
    private static func split(_ text: some StringProtocol, at separator: UInt8) -> [Substring] {
        let text = Substring(text)
        var parts: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == separator, !isQuoted {
                parts.append(text[start..<index])
                start = text.utf8.index(after: index)
            }
        }
        parts.append(text[start...])
        return parts
    }

    private static func unquoted(_ text: Substring) -> Substring {
        guard text.utf8.count >= 2, text.utf8.first == UInt8(ascii: "\""), text.utf8.last == UInt8(ascii: "\"") else {
            return text
        }
        // An address or a scheme has no characters that need a backslash, so one makes it neither.
        return text.dropFirst().dropLast()
    }
}

extension HTTPField.Name {
    // Known at build time to be field names; were they not, the fields would be ignored like those of strangers.
    fileprivate static let forwarded = HTTPField.Name("Forwarded") ?? .cookie
    fileprivate static let xForwardedFor = HTTPField.Name("X-Forwarded-For") ?? .cookie
    fileprivate static let xForwardedProto = HTTPField.Name("X-Forwarded-Proto") ?? .cookie
}
