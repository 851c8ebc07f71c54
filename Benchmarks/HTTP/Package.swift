// swift-tools-version: 6.2

import PackageDescription

// What Scripts/bench-http compares: the demo, and the same plain route without anything of ours. In one package, so that
// both are built from the same Hummingbird with the same options.
let package = Package(
    name: "http-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(
            name: "swift-sessions",
            path: "../..",
            traits: ["Hummingbird", "Redis", "SQLite", "MySQL", "PostgreSQL"]
        ),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.20.0"),
    ],
    targets: [
        .executableTarget(
            name: "bare-hummingbird",
            dependencies: [
                .product(name: "Hummingbird", package: "hummingbird"),
                // Not used; makes the demo part of this package's build.
                .product(name: "session-demo", package: "swift-sessions"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
