#if Hummingbird
import Foundation
import Hummingbird
import Sessions
import SessionsHummingbird

/// The home page and the cart.
struct ShopPages: Sendable {
    func addRoutes(to pages: RouterGroup<DemoRequestContext>) {
        pages.get("/", use: home)
        pages.post("cart", use: addItem)
        pages.post("cart/remove", use: removeItem)
    }

    @Sendable private func home(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let session = try await context.session()
        let notice = session.flash(.notice)
        // Counting a visit is a write, and a first write makes a session. Robots shall not have one each.
        let visits = session.exists ? try session.increment(.visits) : 0
        let cart = session[.cart] ?? []
        return Templates.page(
            "home",
            Page(title: "Home", subject: session.subject, notice: notice)
                .values([
                    "exists": session.exists,
                    "started": session.createdAt.map(Moment.init),
                    "ends": session.expiresAt.map(Moment.init),
                    "visits": visits == 1 ? "1 visit" : "\(visits) visits",
                    "id": session.id.map { "\($0.description.prefix(12))…" },
                    "cart": cart,
                    "cartIsEmpty": cart.isEmpty,
                ])
        )
    }

    private struct ItemForm: Decodable {
        let item: String
    }

    @Sendable private func addItem(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let form = try await request.form(ItemForm.self, context)
        let name = String(form.item.trimmingCharacters(in: .whitespacesAndNewlines).prefix(40))
        guard !name.isEmpty else { return .redirect(to: "/") }
        let session = try await context.session()
        try session.update(.cart, default: []) { $0.add(name) }
        session[.notice] = "“\(name)” is in your cart."
        return .redirect(to: "/#cart")
    }

    @Sendable private func removeItem(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let form = try await request.form(ItemForm.self, context)
        let session = try await context.session()
        guard session.exists else { return .redirect(to: "/") }
        try session.update(.cart, default: []) { $0.remove(form.item) }
        session[.notice] = "“\(form.item)” is out of your cart."
        return .redirect(to: "/#cart")
    }
}

extension Request {
    /// Reads a form's fields.
    /// - Throws: `HTTPError` with the status 400 where one is missing, 413 where the form is too large.
    func form<Form: Decodable>(_ type: Form.Type, _ context: DemoRequestContext) async throws -> Form {
        let body = try await body.collect(upTo: 16 * 1024)
        do {
            return try URLEncodedFormDecoder().decode(type, from: String(buffer: body))
        } catch {
            throw HTTPError(.badRequest, message: "the form is not complete")
        }
    }
}
#endif
