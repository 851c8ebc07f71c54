import HTTPTypes

/// A short label for a device list, read from a User-Agent: "Firefox on Linux", "Safari on iPhone", "curl 8.5".
///
/// For people to recognise their own devices by. Clients say what they like here, so nothing is decided by it.
enum ClientLabel {
    /// The most bytes that a label has.
    static let maximumByteCount = 60

    /// The most bytes of a User-Agent that are looked at.
    private static let maximumSourceByteCount = 512

    /// The label for the client that sent `fields`, or `nil` if there is nothing to show.
    static func label(in fields: HTTPFields) -> String? {
        // Not fields[.userAgent], which joins what is only one field in every request that is meant well.
        fields.first { $0.name == .userAgent }.flatMap { label(userAgent: $0.value) }
    }

    /// The label for `userAgent`, or `nil` if there is nothing to show.
    static func label(userAgent: String?) -> String? {
        guard var userAgent else { return nil }
        let found = userAgent.withUTF8 { find(in: UnsafeBufferPointer(rebasing: $0.prefix(maximumSourceByteCount))) }
        guard let browser = found.browser else {
            return productLabel(String(decoding: userAgent.utf8.prefix(maximumSourceByteCount), as: UTF8.self))
        }
        return found.system.map { "\(browser) on \($0)" } ?? browser
    }

    /// A text that a User-Agent may contain, and what it says.
    private struct Mark {
        let bytes: [UInt8]
        let name: String

        init(_ text: String, _ name: String) {
            bytes = Array(text.utf8)
            self.name = name
        }

        func stands(in text: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
            guard text.count - start >= bytes.count else { return false }
            for offset in bytes.indices where text[start + offset] != bytes[offset] { return false }
            return true
        }
    }

    // In this order: every browser but Firefox also claims to be the ones below it.
    private static let browsers: [Mark] = [
        Mark("EdgA/", "Edge"), Mark("EdgiOS/", "Edge"), Mark("Edg/", "Edge"), Mark("Edge/", "Edge"),
        Mark("OPR/", "Opera"), Mark("OPT/", "Opera"), Mark("Vivaldi/", "Vivaldi"),
        Mark("SamsungBrowser/", "Samsung Internet"), Mark("DuckDuckGo/", "DuckDuckGo"), Mark("FxiOS/", "Firefox"),
        Mark("Firefox/", "Firefox"), Mark("CriOS/", "Chrome"), Mark("HeadlessChrome/", "Chrome"),
        Mark("Chromium/", "Chromium"), Mark("Chrome/", "Chrome"), Mark("Safari/", "Safari"),
    ]

    // In this order: iPhones claim to be like Mac OS X, and Android and Chrome OS run on Linux or X11.
    private static let systems: [Mark] = [
        Mark("iPhone", "iPhone"), Mark("iPad", "iPad"), Mark("Android", "Android"), Mark("CrOS", "ChromeOS"),
        Mark("Windows", "Windows"), Mark("Macintosh", "Mac"), Mark("Mac OS X", "Mac"), Mark("FreeBSD", "FreeBSD"),
        Mark("OpenBSD", "OpenBSD"), Mark("Linux", "Linux"), Mark("X11", "Linux"),
    ]

    /// Whether a mark begins with a byte.
    private static let beginsMark: [Bool] = {
        var begins = [Bool](repeating: false, count: 256)
        for mark in browsers + systems { begins[Int(mark.bytes[0])] = true }
        return begins
    }()

    /// The first browser and the first system, in the order of the lists, of those that stand anywhere in `text`.
    ///
    /// One pass over the text: this runs for every session that is made, those of robots included.
    private static func find(in text: UnsafeBufferPointer<UInt8>) -> (browser: String?, system: String?) {
        let (browsers, systems, beginsMark) = (browsers, systems, beginsMark)
        var browser = browsers.count
        var system = systems.count
        for start in text.indices where beginsMark[Int(text[start])] {
            for index in 0..<browser where browsers[index].stands(in: text, at: start) {
                browser = index
                break
            }
            for index in 0..<system where systems[index].stands(in: text, at: start) {
                system = index
                break
            }
        }
        return (
            browser < browsers.count ? browsers[browser].name : nil,
            system < systems.count ? systems[system].name : nil
        )
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
