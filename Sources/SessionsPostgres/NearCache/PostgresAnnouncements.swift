#if PostgreSQL
import SessionsSQL

/// The trigger that announces changes of records, by whomever.
///
/// A store with a near cache relies on hearing of every change. So the table itself announces them, and not the store that
/// makes them: one without a near cache, another version of the application that is being deployed, or an operator who
/// deletes a row by hand would otherwise change what nobody hears of.
///
/// An announcement is the record's id in hexadecimal digits and, where a session lives there afterwards, its stamp and its
/// time of expiry: whoever has exactly that need not let go of it. It is sent when the change is committed, in the order of
/// commits. What is inserted is not announced, since nobody has anything of a record that was not there; nor is the
/// deletion of what has expired more than half a minute ago, which nobody serves: a sweep of a million rows is silent.
struct PostgresAnnouncements: Sendable {
    private let tables: SQLTables

    init(_ tables: SQLTables) {
        self.tables = tables
    }

    /// What to listen to.
    var channel: String { tables.channel }
    private var function: String { "\(tables.sessions)_announce" }

    /// The statements that make function and trigger, each to be executed by itself.
    var definition: [String] {
        [
            """
            CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    PERFORM pg_notify('\(channel)', encode(NEW.id, 'hex')
                        || CASE WHEN NEW.forwarder = 0 THEN ' ' || NEW.stamp || ' ' || NEW.expires_at ELSE '' END);
                ELSIF OLD.expires_at + 30000 > extract(epoch FROM clock_timestamp()) * 1000 THEN
                    PERFORM pg_notify('\(channel)', encode(OLD.id, 'hex'));
                END IF;
                RETURN NULL;
            END $$
            """,
            "DROP TRIGGER IF EXISTS \(function) ON \(tables.sessions)",
            """
            CREATE TRIGGER \(function) AFTER UPDATE OR DELETE ON \(tables.sessions) \
            FOR EACH ROW EXECUTE FUNCTION \(function)()
            """,
        ]
    }

    /// A question with one row of two columns: whether the session is `on` for reading only or `off`, as a replica or a
    /// primary that was replaced is not; and whether the trigger is there, `t` or `f`.
    var state: String {
        """
        SELECT current_setting('transaction_read_only'), EXISTS (SELECT 1 FROM pg_catalog.pg_trigger \
        WHERE tgrelid = to_regclass('\(tables.sessions)') AND tgname = '\(function)' AND tgenabled IN ('O', 'A'))
        """
    }
}
#endif
