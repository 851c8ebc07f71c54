/// What can be fuzzed, by the name that `Scripts/fuzz` is given and that its folder of `Corpora` has.
let targets: [String: @Sendable (UnsafeRawBufferPointer) -> Void] = {
    var targets: [String: @Sendable (UnsafeRawBufferPointer) -> Void] = [
        "cookie": fuzzCookie, "record": fuzzRecord,
    ]
    #if Redis
    targets["resp"] = fuzzRESP
    #if SQLite && MySQL && PostgreSQL
    targets["config"] = fuzzConfig
    targets["url"] = fuzzURL
    #endif
    #endif
    return targets
}()
