#if Hummingbird
import Hummingbird
import NIOCore
import Sessions
import SessionsHummingbird

/// What the demo knows about a request: its session, and where it came from.
struct DemoRequestContext: SessionRequestContext, RemoteAddressRequestContext {
    var coreContext: CoreRequestContextStorage
    var sessions = RequestSessions()
    private let channel: any Channel

    /// The most bytes of a request's body: 1 MiB.
    var maxUploadSize: Int { 1 << 20 }

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Asked of the connection, which takes a lock for it, by the few requests that want to know.
    var remoteAddress: SocketAddress? { channel.remoteAddress }
}

/// All routes of the demo.
func makeRouter(sessions: SessionManager) -> Router<DemoRequestContext> {
    let router = Router(context: DemoRequestContext.self, options: .autoGenerateHeadEndpoints)

    let api = router.group("api")
        .add(middleware: CrossOriginProtectionMiddleware())
        .add(middleware: SessionMiddleware(sessions))
    ValuesAPI().addRoutes(to: api)
    AccountAPI(sessions: sessions).addRoutes(to: api)

    let pages = router.group()
        .add(middleware: PageMiddleware())
        .add(middleware: CrossOriginProtectionMiddleware())
        .add(middleware: SessionMiddleware(sessions))
    ShopPages().addRoutes(to: pages)
    AccountPages(sessions: sessions).addRoutes(to: pages)
    addAssets(to: router)

    return router
}
#endif
