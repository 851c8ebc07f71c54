/// What is added to statements that change a record, so that other servers hear of it: in the same statement, hence when it
/// is committed, and in the order in which changes are.
///
/// An announcement is the record's id in hexadecimal digits and, where a session lives there afterwards, its stamp and its
/// time of expiry: whoever has exactly that need not let go of it. What is inserted is not announced, since nobody has
/// anything of a record that was not there; nor is what a sweep removes, which has expired for everybody by a minute.
struct SQLAnnouncements {
    /// For an update.
    let afterChange: String
    /// For a delete.
    let afterDelete: String

    init(_ tables: SQLTables) {
        let id = "encode(id, 'hex')"
        let state = "CASE WHEN forwarder = 0 THEN ' ' || stamp || ' ' || expires_at ELSE '' END"
        afterChange = " RETURNING pg_catalog.pg_notify('\(tables.channel)', \(id) || \(state))"
        afterDelete = " RETURNING pg_catalog.pg_notify('\(tables.channel)', \(id))"
    }
}
