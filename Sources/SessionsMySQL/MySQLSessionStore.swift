#if MySQL
#else
/// Keeps sessions in MySQL or MariaDB. Not built: the trait `MySQL` is off.
@available(*, unavailable, message: "enable the trait MySQL: .package(url: \"…\", from: \"…\", traits: [\"MySQL\"])")
public final class MySQLSessionStore {}
#endif
