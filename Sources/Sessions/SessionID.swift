import Crypto

/// The name of a session in stores, indexes, logs and lists: SHA-256 over the manager's name and the token.
///
/// An id cannot be turned back into a cookie, so whoever reads a store, a log or a device list can sign in as nobody
/// (CVE-2019-16782, CVE-2020-26228). Its text form is 64 lower-case hexadecimal digits, safe as a file name, a database
/// key and a URL segment, also where upper and lower case are the same.
public struct SessionID: Hashable, Sendable {
    let digest: Digest32

    init(digest: Digest32) {
        self.digest = digest
    }

    /// The id under which the manager called `managerName` keeps the session of `token`.
    ///
    /// The name is part of the digest, so a token of one manager is worth nothing to another that shares its store
    /// (CVE-2022-46170). It is preceded by its length, so that no two pairs of name and token hash the same bytes.
    init(_ token: SessionToken, managerName: SessionNamespace) {
        digest = managerName.digest(of: token.bytes)
    }

    /// Reads the text form: 64 lower-case hexadecimal digits, nothing else.
    public init?(_ text: some StringProtocol) {
        guard let digest = Digest32(hex: text) else { return nil }
        self.digest = digest
    }

    /// Takes an id's 32 bytes, as ``withUnsafeBytes(_:)`` shows them; `nil` for any other count.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        let copy = bytes.withContiguousStorageIfAvailable { Digest32(copying: UnsafeRawBufferPointer($0)) }
        digest = copy ?? Array(bytes).withUnsafeBytes { Digest32(copying: $0) }
    }

    /// Calls `body` with the id's 32 bytes.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try digest.withUnsafeBytes(body)
    }

    /// The id's 32 bytes.
    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}

extension SessionID: CustomStringConvertible, LosslessStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public var description: String { digest.hex }
}

extension SessionID: Comparable {
    /// Byte-wise order, the same as that of the text forms.
    public static func < (left: Self, right: Self) -> Bool { Digest32.precedes(left.digest, right.digest) }
}

extension SessionID: Codable {
    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = SessionID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "a session id has 64 lower-case hexadecimal digits"
            )
        }
        self = id
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The key of a subject's index: SHA-256 over the manager's name and the subject.
///
/// Stores see this instead of the subject, so that any text can be a subject and no index entry names a person. Its
/// text form is 64 lower-case hexadecimal digits.
public struct SubjectID: Hashable, Sendable, CustomStringConvertible {
    let digest: Digest32

    init(digest: Digest32) {
        self.digest = digest
    }

    /// Reads the text form: 64 lower-case hexadecimal digits, nothing else.
    public init?(_ text: some StringProtocol) {
        guard let digest = Digest32(hex: text) else { return nil }
        self.digest = digest
    }

    /// 64 lower-case hexadecimal digits.
    public var description: String { digest.hex }

    /// The id's 32 bytes.
    public var bytes: [UInt8] { digest.withUnsafeBytes { Array($0) } }
}

/// The manager's name in the form in which it goes into digests, made once.
struct SessionNamespace: Sendable {
    private let tokenPrefix: [UInt8]
    private let subjectPrefix: [UInt8]

    init(_ name: String) {
        // Length first, then the name, then what is hashed: a domain of its own for tokens and for subjects.
        let length = withUnsafeBytes(of: UInt32(clamping: name.utf8.count).bigEndian) { Array($0) }
        tokenPrefix = length + Array(name.utf8) + [0]
        subjectPrefix = length + Array(name.utf8) + [1]
    }

    func digest(of tokenBytes: Digest32) -> Digest32 {
        var hash = SHA256()
        withUnsafeTemporaryAllocation(byteCount: tokenPrefix.count + 32, alignment: 1) { buffer in
            buffer.copyBytes(from: tokenPrefix)
            tokenBytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: buffer[tokenPrefix.count...]).copyMemory(from: $0)
            }
            // In one piece: each update costs as much as half the hashing.
            hash.update(bufferPointer: UnsafeRawBufferPointer(buffer))
        }
        return Digest32(hash.finalize())
    }

    func subjectID(_ subject: String) -> SubjectID {
        var hash = SHA256()
        subjectPrefix.withUnsafeBytes { hash.update(bufferPointer: $0) }
        var subject = subject
        subject.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return SubjectID(digest: Digest32(hash.finalize()))
    }
}
