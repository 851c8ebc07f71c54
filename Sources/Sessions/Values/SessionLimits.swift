/// How much one session may hold.
///
/// What goes over a limit is refused with a ``SessionError`` before any write; what is stored already stays as it is.
/// The limits keep one user from filling the store or slowing every request (CVE-2018-11386).
public struct SessionLimits: Hashable, Sendable {
    /// The most bytes of JSON one value may have. Default: 65,536.
    public var bytesPerValue: Int

    /// The most bytes all values of a session may have together, their names included. Default: 262,144.
    public var bytesPerSession: Int

    /// The most values one session may hold. Default: 256.
    public var keysPerSession: Int

    /// Creates limits; each must be at least 1.
    public init(bytesPerValue: Int = 65_536, bytesPerSession: Int = 262_144, keysPerSession: Int = 256) {
        self.bytesPerValue = bytesPerValue
        self.bytesPerSession = bytesPerSession
        self.keysPerSession = keysPerSession
    }

    /// The longest name of a value: 255 bytes of UTF-8.
    public static let bytesPerKey = 255
}
