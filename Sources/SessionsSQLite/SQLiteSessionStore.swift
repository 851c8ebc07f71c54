#if SQLite
#else
/// Keeps sessions in SQLite. Not built: the trait `SQLite` is off.
@available(*, unavailable, message: "enable the trait SQLite: .package(url: \"…\", from: \"…\", traits: [\"SQLite\"])")
public final class SQLiteSessionStore {}
#endif
