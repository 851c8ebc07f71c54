import Testing
import Sessions
@Test func a() {}
