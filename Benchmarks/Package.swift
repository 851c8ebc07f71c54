// swift-tools-version: 6.2

import PackageDescription

// Apart from the package itself, so that nobody who depends on Sessions resolves or builds any of this.
// `Scripts/bench` builds and runs it: it has to be compiled with -enable-testing, see Figures.swift.
let package = Package(
    name: "session-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-sessions", path: "..", traits: []),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.4.0"),
    ],
    targets: [
        .executableTarget(
            name: "session-bench",
            dependencies: [
                .product(name: "Sessions", package: "swift-sessions"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
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
