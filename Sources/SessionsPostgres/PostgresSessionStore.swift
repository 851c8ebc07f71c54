#if PostgreSQL
#else
/// Keeps sessions in PostgreSQL. Not built: the trait `PostgreSQL` is off.
@available(
    *,
    unavailable,
    message: "enable the trait PostgreSQL: .package(url: \"…\", from: \"…\", traits: [\"PostgreSQL\"])"
)
public final class PostgresSessionStore {}
#endif
