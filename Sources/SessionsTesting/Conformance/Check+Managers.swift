import Sessions

extension SessionStoreConformance.Check {
    static let managers: [Self] = []
}
