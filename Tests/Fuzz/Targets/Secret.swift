import Sessions

/// What stands for a password in the seeds. It is no name, so nothing may show it, wherever in an input it stands.
enum Secret {
    static let text = "5ecret!pw"

    /// Runs `read`, which may refuse what it gets with an error that says so and does not show it.
    static func read<Value>(_ read: () throws -> Value) -> Value? {
        do {
            return try read()
        } catch let error as SessionStoreError {
            precondition(error.code == .misconfigured, "another error than that of a wrong setting: \(error.code)")
            expectHidden(in: "\(error)\(String(reflecting: error))")
        } catch let error as SessionError {
            precondition(error.code == .misconfigured, "another error than that of a wrong setting: \(error.code)")
            expectHidden(in: "\(error)\(String(reflecting: error))")
        } catch {
            preconditionFailure("an error of another type")
        }
        return nil
    }

    static func expectHidden(in shown: String) {
        precondition(!shown.contains(text), "a secret is shown: \(shown)")
    }

    /// A value that was read may show users, hosts and names, and never the password.
    static func expectHidden(_ password: String?, in value: Any, besides visible: [String?]) {
        guard let password, password.contains(text), !visible.contains(where: { $0?.contains(text) == true }) else {
            return
        }
        var shown = "\(value)\(String(reflecting: value))"
        dump(value, to: &shown)
        expectHidden(in: shown)
    }
}
