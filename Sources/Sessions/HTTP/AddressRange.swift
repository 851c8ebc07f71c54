/// A range of IP addresses, in CIDR notation.
public struct AddressRange: Hashable, Sendable {
    private let network: IPAddress
    private let prefixLength: Int

    /// Reads a range such as `10.0.0.0/8`, `2001:db8::/32`, or a single address such as `192.0.2.1`.
    ///
    /// Bits beyond the prefix are ignored. IPv4 addresses written as IPv6 ones (`::ffff:192.0.2.1`) are IPv4 ones.
    /// - Returns: `nil` for anything else: host names, ports, brackets, zones, leading zeros, prefixes out of range.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(strict: String(first)) else { return nil }
        let isMapped = address.isIPv4 && first.utf8.contains(UInt8(ascii: ":"))
        // A mapped address's prefix counts from the start of the IPv6 address, of which 96 bits are the mapping.
        let offset = isMapped ? 96 : 0
        var length = address.bitCount
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy(HTTPSyntax.isDigit),
                digits == "0" || digits.utf8.first != UInt8(ascii: "0"),
                let number = Int(digits), (offset...(offset + address.bitCount)).contains(number)
            else { return nil }
            length = number - offset
        }
        self.init(network: address, prefixLength: length)
    }

    init(network: IPAddress, prefixLength: Int) {
        self.network = network.masked(prefixLength: prefixLength)
        self.prefixLength = prefixLength
    }

    /// Whether `address` is in the range. `false` for what is no address, such as the path of a local socket.
    public func contains(_ address: String) -> Bool {
        IPAddress(address).map(contains) ?? false
    }

    func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == network.isIPv4 && address.masked(prefixLength: prefixLength) == network
    }

    /// The addresses of the machine itself: `127.0.0.0/8` and `::1`.
    public static let loopback: [AddressRange] = [
        .init(network: .init(ipv4: 127 << 24), prefixLength: 8),
        .init(network: .init(ipv6: 1), prefixLength: 128),
    ]

    /// The addresses that networks of one's own use: RFC 1918 (`10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`) and
    /// RFC 4193 (`fc00::/7`).
    public static let privateNetworks: [AddressRange] = [
        .init(network: .init(ipv4: 10 << 24), prefixLength: 8),
        .init(network: .init(ipv4: 172 << 24 | 16 << 16), prefixLength: 12),
        .init(network: .init(ipv4: 192 << 24 | 168 << 16), prefixLength: 16),
        .init(network: .init(ipv6: 0xFC << 120), prefixLength: 7),
    ]

    /// Addresses that reach the next router at most: `169.254.0.0/16` and `fe80::/10`.
    static let linkLocal: [AddressRange] = [
        .init(network: .init(ipv4: 169 << 24 | 254 << 16), prefixLength: 16),
        .init(network: .init(ipv6: 0xFE80 << 112), prefixLength: 10),
    ]

    /// What carriers put their customers behind (RFC 6598): as private as a home network, but nobody's own.
    static let carrierNetworks: [AddressRange] = [
        .init(network: .init(ipv4: 100 << 24 | 64 << 16), prefixLength: 10)
    ]
}

/// An IP address. IPv4 addresses written as IPv6 ones are IPv4 ones.
package struct IPAddress: Hashable, Sendable {
    let isIPv4: Bool
    private let bits: UInt128

    init(ipv4 bits: UInt32) {
        isIPv4 = true
        self.bits = UInt128(bits)
    }

    init(ipv6 bits: UInt128) {
        isIPv4 = bits >> 32 == 0xFFFF
        self.bits = isIPv4 ? bits & 0xFFFF_FFFF : bits
    }

    /// Reads an address in the ways in which servers report one: a zone (`fe80::1%eth0`) is left out.
    package init?(_ text: String) {
        guard let zone = text.utf8.firstIndex(of: UInt8(ascii: "%")) else {
            self.init(strict: text)
            return
        }
        self.init(strict: String(text[..<zone]))
    }

    init?(strict text: String) {
        // C strings end at NUL, so "10.0.0.1\0x" would be read as an address.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        if let bits = Platform.ipv4Address(text) {
            self.init(ipv4: bits)
        } else if let bits = Platform.ipv6Address(text) {
            self.init(ipv6: bits)
        } else {
            return nil
        }
    }

    var bitCount: Int { isIPv4 ? 32 : 128 }

    var isUnspecified: Bool { bits == 0 }

    func masked(prefixLength: Int) -> IPAddress {
        let shift = UInt128(max(0, min(bitCount, bitCount - prefixLength)))
        // Shifts by the whole width give zero.
        return IPAddress(isIPv4: isIPv4, bits: (bits >> shift) << shift)
    }

    private init(isIPv4: Bool, bits: UInt128) {
        self.isIPv4 = isIPv4
        self.bits = bits
    }
}
