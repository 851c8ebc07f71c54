/// A range of IP addresses, in CIDR notation.
public struct AddressRange: Hashable, Sendable {
}
