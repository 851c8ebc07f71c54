// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "swift-sessions",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "Sessions", targets: ["Sessions"]),
        .library(name: "SessionsRedis", targets: ["SessionsRedis"]),
        .library(name: "SessionsSQLite", targets: ["SessionsSQLite"]),
        .library(name: "SessionsMySQL", targets: ["SessionsMySQL"]),
        .library(name: "SessionsPostgres", targets: ["SessionsPostgres"]),
        .library(name: "SessionsHummingbird", targets: ["SessionsHummingbird"]),
        .library(name: "SessionsTesting", targets: ["SessionsTesting"]),
        .executable(name: "session-demo", targets: ["session-demo"]),
    ],
    traits: [
        .trait(name: "Hummingbird", description: "SessionsHummingbird and session-demo, on Hummingbird 2."),
        .trait(name: "Redis", description: "SessionsRedis: Redis and Valkey, over SwiftNIO."),
        .trait(name: "SQLite", description: "SessionsSQLite: SQLite, through GRDB."),
        .trait(
            name: "MySQL",
            description: "SessionsMySQL: MySQL and MariaDB, through libmariadb (MariaDB Connector/C)."
        ),
        .trait(name: "PostgreSQL", description: "SessionsPostgres: PostgreSQL, through libpq."),
        .default(enabledTraits: ["Hummingbird", "Redis"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.2.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.81.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.29.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.20.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.0.0"),
    ],
    targets: [
        .target(
            name: "Sessions",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .target(
            name: "SessionsRedis",
            dependencies: [
                "Sessions",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Redis"])),
                .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Redis"])),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["Redis"])),
            ]
        ),
        // What the three SQL stores share: statements, schema, connections, retries. No product: it is of no use by itself.
        .target(
            name: "SessionsSQL",
            dependencies: [
                "Sessions",
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        .target(
            name: "SessionsSQLite",
            dependencies: [
                "Sessions",
                "SessionsSQL",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["SQLite"])),
            ]
        ),
        .systemLibrary(
            name: "CMariaDB",
            pkgConfig: "libmariadb",
            providers: [.apt(["libmariadb-dev"]), .brew(["mariadb-connector-c"])]
        ),
        .target(
            name: "SessionsMySQL",
            dependencies: [
                "Sessions",
                "SessionsSQL",
                .product(name: "Logging", package: "swift-log"),
                .target(name: "CMariaDB", condition: .when(traits: ["MySQL"])),
            ]
        ),
        .systemLibrary(
            name: "CPostgres",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .target(
            name: "SessionsPostgres",
            dependencies: [
                "Sessions",
                "SessionsSQL",
                .product(name: "Logging", package: "swift-log"),
                .target(name: "CPostgres", condition: .when(traits: ["PostgreSQL"])),
            ]
        ),
        .target(
            name: "SessionsHummingbird",
            dependencies: [
                "Sessions",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(
                    name: "Hummingbird",
                    package: "hummingbird",
                    condition: .when(traits: ["Hummingbird"])
                ),
            ]
        ),
        .target(
            name: "SessionsTesting",
            dependencies: [
                "Sessions",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .executableTarget(
            name: "session-demo",
            dependencies: [
                "Sessions",
                "SessionsHummingbird",
                "SessionsRedis",
                "SessionsSQLite",
                "SessionsMySQL",
                "SessionsPostgres",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Hummingbird"])),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(
                    name: "ArgumentParser",
                    package: "swift-argument-parser",
                    condition: .when(traits: ["Hummingbird"])
                ),
                .product(name: "Hummingbird", package: "hummingbird", condition: .when(traits: ["Hummingbird"])),
                .product(name: "Mustache", package: "swift-mustache", condition: .when(traits: ["Hummingbird"])),
            ]
        ),
        // What Scripts/check-file-store-kill kills and Scripts/check-file-store-flush watches.
        .executableTarget(
            name: "file-store-writer",
            dependencies: ["Sessions"],
            path: "Tests/file-store-writer"
        ),
        .testTarget(
            name: "SessionsTests",
            dependencies: [
                "Sessions",
                "SessionsTesting",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "SessionsRedisTests",
            dependencies: [
                "Sessions",
                "SessionsRedis",
                "SessionsTesting",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Redis"])),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: .when(traits: ["Redis"])),
                .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Redis"])),
            ]
        ),
        // What Scripts/fuzz feeds, on the inputs that are kept. `Tests/Fuzz` is a package of its own as well.
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Sessions",
                "SessionsRedis",
                "SessionsSQLite",
                "SessionsMySQL",
                "SessionsPostgres",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Redis"])),
            ],
            path: "Tests/Fuzz",
            exclude: ["Corpora", "Driver.swift", "Package.swift"],
            sources: ["Replay", "Targets"]
        ),
        .testTarget(
            name: "SessionsSQLTests",
            dependencies: ["Sessions", "SessionsSQL", "SessionsTesting"]
        ),
        .testTarget(
            name: "SessionsSQLiteTests",
            dependencies: [
                "Sessions",
                "SessionsSQL",
                "SessionsSQLite",
                "SessionsTesting",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["SQLite"])),
            ]
        ),
        .testTarget(
            name: "SessionsMySQLTests",
            dependencies: [
                "Sessions",
                "SessionsSQL",
                "SessionsMySQL",
                "SessionsTesting",
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "SessionsPostgresTests",
            dependencies: [
                "Sessions",
                "SessionsSQL",
                "SessionsPostgres",
                "SessionsTesting",
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "SessionsHummingbirdTests",
            dependencies: [
                "Sessions",
                "SessionsHummingbird",
                "SessionsTesting",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Hummingbird"])),
                .product(name: "Hummingbird", package: "hummingbird", condition: .when(traits: ["Hummingbird"])),
                .product(
                    name: "HummingbirdTesting",
                    package: "hummingbird",
                    condition: .when(traits: ["Hummingbird"])
                ),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

var settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
// Set by Scripts/test. Not for everybody: a newer compiler with a new warning must not break those who use the package.
if Context.environment["SESSIONS_WARNINGS_AS_ERRORS"] != nil {
    settings.append(.treatAllWarnings(as: .error))
}
for target in package.targets where target.type != .system { target.swiftSettings = settings }
