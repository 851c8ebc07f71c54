// swift-tools-version: 6.2

import PackageDescription

// Apart from the package itself: it takes a compiler with libFuzzer, and everything built for it.
// `Scripts/fuzz` builds and runs it, with options that only mean something together.
let package = Package(
    name: "session-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-sessions", path: "../..", traits: ["Redis"]),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.81.0"),
    ],
    targets: [
        .executableTarget(
            name: "session-fuzz",
            dependencies: [
                .product(name: "SessionsRedis", package: "swift-sessions"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
