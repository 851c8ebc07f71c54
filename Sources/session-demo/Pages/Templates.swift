#if Hummingbird
import Foundation
import Hummingbird
import Mustache
import Sessions

/// What every page shows.
struct Page {
    let title: String
    var subject: String?
    var notice: String?

    /// The values for the template, with those of one page; what is `nil` is left out.
    func values(_ more: [String: Any?]) -> [String: Any] {
        more.merging(["title": title, "subject": subject, "notice": notice]) { $1 }.compactMapValues { $0 }
    }
}

/// A point in time, for people and for their programs.
struct Moment {
    let iso8601: String
    let text: String

    init(_ instant: SessionInstant) {
        iso8601 = instant.iso8601
        text = instant.date.formatted(Self.style)
    }

    private static let style = Date.VerbatimFormatStyle(
        format: """
            \(day: .defaultDigits) \(month: .abbreviated) \
            \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits) UTC
            """,
        locale: Locale(identifier: "en"),
        timeZone: .gmt,
        calendar: Calendar(identifier: .gregorian)
    )
}

/// The pages. Mustache escapes what is put into them.
enum Templates {
    /// Renders a page.
    static func page(_ name: String, _ values: [String: Any], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: library.render(values, withTemplate: name) ?? ""))
        )
    }

    private static let library: MustacheLibrary = {
        var library = MustacheLibrary()
        for (name, text) in [
            ("layout", layout), ("home", home), ("login", login), ("devices", devices), ("error", error),
            ("moment", moment),
        ] {
            do {
                try library.register(text, named: name)
            } catch {
                preconditionFailure("the template \(name) does not parse: \(error)")
            }
        }
        return library
    }()

    private static let layout = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{title}} · Corner Shop</title>
        <link rel="stylesheet" href="/style.css">
        <link rel="icon" href="/icon.svg" type="image/svg+xml">
        </head>
        <body>
        <a class="skip" href="#content">Skip to content</a>
        <header class="bar">
        <div class="wide">
        <a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28">Corner Shop</a>
        <nav aria-label="Main">
        {{#subject}}<a href="/devices">Devices</a>
        <form method="post" action="/logout"><button class="quiet" id="logout">Sign out</button></form>{{/subject}}
        {{^subject}}<a href="/login">Sign in</a>{{/subject}}
        </nav>
        </div>
        </header>
        <main id="content" class="wide">
        {{#notice}}<p class="notice" role="status">{{.}}</p>{{/notice}}
        {{$main}}{{/main}}
        </main>
        <footer class="wide">
        <p>A demo of <strong>swift-sessions</strong>.
        No script, no tracking: one cookie, and only once it is needed.</p>
        </footer>
        </body>
        </html>
        """

    private static let moment = #"<time datetime="{{iso8601}}">{{text}}</time>"#

    private static let home = """
        {{<layout}}{{$main}}
        <h1>{{#subject}}Hello, {{.}}{{/subject}}{{^subject}}Hello, stranger{{/subject}}</h1>
        <div class="columns">
        <section class="card" aria-labelledby="cart">
        <h2 id="cart">Your cart</h2>
        {{#cartIsEmpty}}<p class="empty">Nothing in it yet.</p>{{/cartIsEmpty}}
        {{^cartIsEmpty}}<ul class="rows">
        {{#cart}}<li>
        <span class="name">{{name}}</span><span class="count">× {{count}}</span>
        <form method="post" action="/cart/remove"><input type="hidden" name="item" value="{{name}}">
        <button class="quiet" aria-label="Remove {{name}}">Remove</button></form>
        </li>{{/cart}}
        </ul>{{/cartIsEmpty}}
        <form class="add" method="post" action="/cart">
        <label for="item">Add an item</label>
        <div><input id="item" name="item" required maxlength="40" autocomplete="off" placeholder="Apples">
        <button>Add</button></div>
        </form>
        </section>
        <section class="card" aria-labelledby="session">
        <h2 id="session">Your session</h2>
        {{#exists}}<dl>
        <div><dt>Signed in as</dt><dd>{{#subject}}{{.}}{{/subject}}{{^subject}}nobody yet{{/subject}}</dd></div>
        <div><dt>Started</dt><dd>{{#started}}{{>moment}}{{/started}}</dd></div>
        <div><dt>Ends if unused</dt><dd>{{#ends}}{{>moment}}{{/ends}}</dd></div>
        <div><dt>This page</dt><dd id="visits">{{visits}}</dd></div>
        <div><dt>Session id</dt><dd><code>{{id}}</code></dd></div>
        </dl>
        <p class="hint">The id is a digest of your cookie: it can be shown, but nobody can sign in with it.</p>
        {{/exists}}
        {{^exists}}<p>You have none. Looking around makes no session, sets no cookie and counts no visit.</p>
        <p>Put something into the cart or <a href="/login">sign in</a>, and you have one.</p>{{/exists}}
        </section>
        </div>
        {{/main}}{{/layout}}
        """

    private static let login = """
        {{<layout}}{{$main}}
        <section class="card narrow">
        <h1>Sign in</h1>
        {{#subject}}<p>You are signed in as <strong>{{.}}</strong>.
        Signing in again gives your session a new token.</p>{{/subject}}
        <form class="stack" method="post" action="/login">
        <label for="name">Name</label>
        <input id="name" name="name" required maxlength="64" autocomplete="username" autocapitalize="none" autofocus
        {{#error}}aria-invalid="true" aria-describedby="error"{{/error}}>
        {{#error}}<p class="error" id="error">{{.}}</p>{{/error}}
        <button>Sign in</button>
        </form>
        <p class="hint">This is a demo: any name will do, and there are no passwords.</p>
        </section>
        {{/main}}{{/layout}}
        """

    private static let devices = """
        {{<layout}}{{$main}}
        <h1>Your devices</h1>
        <p class="lead">Every browser where <strong>{{subject}}</strong> is signed in.
        Sign out what you do not know.</p>
        <ul class="devices">
        {{#devices}}<li class="card"{{#isCurrent}} data-current{{/isCurrent}}>
        <div>
        <h2>{{label}}{{#isCurrent}} <span class="badge">This device</span>{{/isCurrent}}</h2>
        <p class="hint">Last seen {{#lastSeen}}{{>moment}}{{/lastSeen}} ·
        signed in {{#created}}{{>moment}}{{/created}}{{network}}</p>
        </div>
        <form method="post" action="/devices/{{id}}/end">
        <button class="quiet" aria-label="Sign out {{label}}{{#isCurrent}}, this device{{/isCurrent}}">Sign out</button>
        </form>
        </li>{{/devices}}
        </ul>
        {{#hasOthers}}<form method="post" action="/devices/end-others">
        <button class="danger" id="end-others">Sign out everywhere else</button>
        </form>{{/hasOthers}}
        {{^hasOthers}}<p class="hint">There is no other one.</p>{{/hasOthers}}
        {{/main}}{{/layout}}
        """

    private static let error = """
        {{<layout}}{{$main}}
        <section class="card narrow">
        <h1>{{title}}</h1>
        <p>{{message}}</p>
        <p><a href="/">Back to the shop</a> or <a href="/login">sign in</a></p>
        </section>
        {{/main}}{{/layout}}
        """
}
#endif
