// swift-tools-version: 6.2

import PackageDescription

// Apart from the package itself: it takes a compiler with libFuzzer, and everything built for it.
// `Scripts/fuzz` builds and runs it, with options that only mean something together.
let package = Package(
    name: "session-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(
            name: "swift-sessions",
            path: "../..",
            traits: ["Redis", "SQLite", "MySQL", "PostgreSQL"]
        ),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.81.0"),
    ],
    targets: [
        .executableTarget(
            name: "session-fuzz",
            dependencies: [
                .product(name: "Sessions", package: "swift-sessions"),
                .product(name: "SessionsRedis", package: "swift-sessions"),
                .product(name: "SessionsSQLite", package: "swift-sessions"),
                .product(name: "SessionsMySQL", package: "swift-sessions"),
                .product(name: "SessionsPostgres", package: "swift-sessions"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: ".",
            // `Replay` belongs to the package's own tests, which run the targets on the corpora.
            exclude: ["Corpora", "Replay"],
            sources: ["Driver.swift", "Targets"],
            swiftSettings: [
                // Traits are known by name to the package alone that has them.
                .define("Redis"), .define("SQLite"), .define("MySQL"), .define("PostgreSQL"),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
