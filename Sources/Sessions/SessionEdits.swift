/// One change that a request makes to the values of its session.
///
/// Edits, not values, are what a commit writes: when another request has committed in between, they are applied anew to
/// what that one left.
enum SessionEdit: Sendable {
    /// A plain set. `wasRead` tells that the request had read the key before, so that the new value may rest on the old.
    case set(name: String, json: [UInt8], expiresAt: SessionInstant?, wasRead: Bool)
    case remove(name: String)
    case removeAll
    /// An update that is run again on the newer values.
    case transform(@Sendable (inout SessionValues) throws -> Void)

    func apply(to values: inout SessionValues) throws {
        switch self {
        case .set(let name, let json, let expiresAt, _):
            try values.setJSON(json, for: name, expiresAt: expiresAt)
        case .remove(let name):
            values.remove(name)
        case .removeAll:
            values.removeAll()
        case .transform(let body):
            try body(&values)
            if let failure = values.failure { throw failure }
        }
    }
}

extension [SessionEdit] {
    /// Applies the edits in their order, all or none.
    func apply(to values: inout SessionValues) throws {
        var updated = values
        for edit in self { try edit.apply(to: &updated) }
        values = updated
    }

    /// The first key that the request had read and then plainly set, while another changed it to something else.
    func lostUpdate(from base: SessionValues, to newer: SessionValues) -> String? {
        for case .set(let name, let json, _, wasRead: true) in self where !newer.hasSameValue(as: base, for: name) {
            if newer.json(for: name) != json { return name }
        }
        return nil
    }
}
