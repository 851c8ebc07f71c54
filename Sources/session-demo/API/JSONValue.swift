#if Hummingbird
import Foundation
import Hummingbird
import NIOCore

/// Any JSON value.
enum JSONValue: Codable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads a body, which may be any JSON value.
    /// - Throws: `HTTPError` with the status 400 when it is none.
    init(parsing body: ByteBuffer) throws(HTTPError) {
        if let integer = Self.integer(body.readableBytesView) {
            self = .int(integer)
            return
        }
        do {
            self = try JSONDecoder().decode(JSONValue.self, from: Data(body.readableBytesView))
        } catch {
            throw HTTPError(.badRequest, message: "the body is not JSON")
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard decoder.codingPath.count < 100 else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "nested too deeply")
        }
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// A plain integer, the most frequent body of all, without a decoder.
    private static func integer(_ bytes: ByteBufferView) -> Int? {
        let digits = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes[...]
        let isInteger = digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard isInteger, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self))
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    init(stringLiteral value: String) { self = .string(value) }
    init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(.init(elements) { _, last in last }) }

    /// A string, or null.
    init(_ text: String?) { self = text.map { .string($0) } ?? .null }
}

/// A value of ``JSONValue`` is an answer.
extension JSONValue: ResponseGenerator {
    func response(from request: Request, context: some RequestContext) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .json(try encoder.encode(self))
    }
}

extension Response {
    /// An answer of JSON that is text already.
    static func json(_ text: some Sequence<UInt8>, status: HTTPResponse.Status = .ok) -> Response {
        .json(ByteBuffer(bytes: text), status: status)
    }

    /// An answer of JSON that is text already.
    static func json(_ text: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8"],
            body: ResponseBody(byteBuffer: text)
        )
    }
}
#endif
