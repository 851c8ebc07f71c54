/// A short label for a device list, read from a User-Agent: "Firefox on Linux", "Safari on iPhone", "curl 8.5".
///
/// For people to recognise their own devices by. Clients say what they like here, so nothing is decided by it.
enum ClientLabel {
    /// The most bytes that a label has.
    static let maximumByteCount = 60

    /// The most bytes of a User-Agent that are looked at.
    private static let maximumSourceByteCount = 512

    /// The label for `userAgent`, or `nil` if there is nothing to show.
    static func label(userAgent: String?) -> String? {
        guard let userAgent else { return nil }
        let source = String(decoding: userAgent.utf8.prefix(maximumSourceByteCount), as: UTF8.self)
        if let browser = browsers.first(where: { contains(source, $0.mark) }) {
            guard let system = systems.first(where: { contains(source, $0.mark) }) else { return browser.name }
            return "\(browser.name) on \(system.name)"
        }
        return productLabel(source)
    }

    // In this order: every browser but Firefox also claims to be the ones below it.
    private static let browsers: [(mark: String, name: String)] = [
        ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("Edg/", "Edge"), ("Edge/", "Edge"),
        ("OPR/", "Opera"), ("OPT/", "Opera"), ("Vivaldi/", "Vivaldi"), ("SamsungBrowser/", "Samsung Internet"),
        ("DuckDuckGo/", "DuckDuckGo"), ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"), ("CriOS/", "Chrome"),
        ("HeadlessChrome/", "Chrome"), ("Chromium/", "Chromium"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ]

    // In this order: iPhones claim to be like Mac OS X, and Android and Chrome OS run on Linux or X11.
    private static let systems: [(mark: String, name: String)] = [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
        ("Macintosh", "Mac"), ("Mac OS X", "Mac"), ("FreeBSD", "FreeBSD"), ("OpenBSD", "OpenBSD"), ("Linux", "Linux"),
        ("X11", "Linux"),
    ]

    private static func contains(_ text: String, _ mark: String) -> Bool {
        let text = Array(text.utf8)
        let mark = Array(mark.utf8)
        guard text.count >= mark.count else { return false }
        return (0...(text.count - mark.count)).contains { text[$0..<($0 + mark.count)].elementsEqual(mark) }
    }

    /// The first product with the first two parts of its version: `curl/8.5.0` is "curl 8.5".
    private static func productLabel(_ source: String) -> String? {
        let product = HTTPSyntax.trimmed(Substring(source)).utf8.prefix { !HTTPSyntax.isBlank($0) }
        let parts = product.split(separator: UInt8(ascii: "/"), maxSplits: 1)
        guard let name = parts.first.map({ $0.filter(HTTPSyntax.isTokenCharacter) }), !name.isEmpty else { return nil }
        var label = name
        if parts.count == 2 {
            let numbers = parts[1].split(separator: UInt8(ascii: ".")).prefix(2)
            if !numbers.isEmpty, numbers.allSatisfy({ $0.allSatisfy(HTTPSyntax.isDigit) }) {
                label += [UInt8(ascii: " ")] + numbers.joined(separator: [UInt8(ascii: ".")])
            }
        }
        return String(decoding: label.prefix(maximumByteCount), as: UTF8.self)
    }
}
