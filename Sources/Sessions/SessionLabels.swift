/// What a device list shows of the client that started a session.
///
/// For people to recognise their own devices by; never used to decide who somebody is. Both texts are cut to
/// ``maximumByteCount`` bytes and lose their control characters.
public struct SessionLabels: Hashable, Sendable {
    /// The most bytes of UTF-8 that each label keeps: 120.
    public static let maximumByteCount = 120

    /// What the client calls itself, such as "Firefox on Linux".
    public let client: String?

    /// What kind of network the client came from, such as "loopback", "private" or "public".
    public let addressClass: String?

    /// Creates labels from what the client sent.
    public init(client: String? = nil, addressClass: String? = nil) {
        self.client = client.flatMap(Self.cleaned)
        self.addressClass = addressClass.flatMap(Self.cleaned)
    }

    /// Takes labels that were cleaned before they were stored.
    init(cleanedClient: String?, cleanedAddressClass: String?) {
        client = cleanedClient
        addressClass = cleanedAddressClass
    }

    private static func cleaned(_ text: String) -> String? {
        // Plain ASCII, which nearly all labels are, needs no look at Unicode's tables.
        if 1...maximumByteCount ~= text.utf8.count, text.utf8.allSatisfy({ 0x20..<0x7F ~= $0 }) { return text }
        var cleaned = ""
        var count = 0
        for character in text {
            // Control and format characters (such as those that reverse the direction of text) could forge a line of
            // a log or of a list.
            let isPrintable = character.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate: false
                default: true
                }
            }
            guard isPrintable else { continue }
            count += character.utf8.count
            guard count <= maximumByteCount else { break }
            cleaned.append(character)
        }
        return cleaned.isEmpty ? nil : cleaned
    }
}
