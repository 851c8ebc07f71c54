/// How names that somebody wrote are shown in messages, and which name they may have meant.
package enum Spelling {
    /// `name` in quotes if it looks like a name; nothing of it otherwise, for it may be a piece of a password.
    package static func shown(_ name: String) -> String {
        isName(name) ? "\"\(name)\"" : "whose name has other characters than letters and digits"
    }

    /// Whether `name` looks like a name.
    static func isName(_ name: String) -> Bool {
        (1...40).contains(name.utf8.count)
            && name.utf8.allSatisfy { HTTPSyntax.isAlphanumeric($0) || "-._,+".utf8.contains($0) }
    }

    /// `; did you mean "…"?` for the known name that is nearest to `name`, or nothing if none is near.
    package static func suggestion(for name: String, from known: [String]) -> String {
        nearest(to: name, in: known).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    static func nearest(to name: String, in known: [String]) -> String? {
        guard (1...64).contains(name.utf8.count) else { return nil }
        let name = name.utf8.map(HTTPSyntax.lowercased)
        var best: (candidate: String, distance: Int)?
        for candidate in known.sorted() {
            let distance = distance(name, candidate.utf8.map(HTTPSyntax.lowercased))
            guard distance <= max(2, candidate.utf8.count / 4), distance < best?.distance ?? .max else { continue }
            best = (candidate, distance)
        }
        return best?.candidate
    }

    /// How many letters must be added, removed or replaced to make one name of the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, leftByte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, rightByte) in right.enumerated() {
                let replaced = diagonal + (leftByte == rightByte ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
