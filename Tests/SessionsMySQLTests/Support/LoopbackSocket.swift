#if MySQL
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the fake servers of these tests are made of: blocking sockets on this machine, used by threads of their own.
enum LoopbackSocket {
    struct NoSocket: Error {}

    /// A socket that listens.
    /// - Parameter port: 0 for any that is free.
    static func listen(port: UInt16 = 0) throws -> (descriptor: CInt, port: Int) {
        let descriptor = socket()
        var reuse: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<CInt>.size))
        var address = address(port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
        }
        #if canImport(Darwin)
        let isListening = isBound && Darwin.listen(descriptor, 64) == 0
        #elseif canImport(Musl)
        let isListening = isBound && Musl.listen(descriptor, 64) == 0
        #else
        let isListening = isBound && Glibc.listen(descriptor, 64) == 0
        #endif
        guard isListening else {
            close(descriptor)
            throw NoSocket()
        }
        var bound = sockaddr_in()
        var boundLength = length
        withUnsafeMutablePointer(to: &bound) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &boundLength) }
        }
        return (descriptor, Int(UInt16(bigEndian: bound.sin_port)))
    }

    /// The next connection, or `nil` once the socket was ended.
    static func accept(_ descriptor: CInt) -> CInt? {
        #if canImport(Darwin)
        let accepted = Darwin.accept(descriptor, nil, nil)
        #elseif canImport(Musl)
        let accepted = Musl.accept(descriptor, nil, nil)
        #else
        let accepted = Glibc.accept(descriptor, nil, nil)
        #endif
        return accepted >= 0 ? accepted : nil
    }

    static func connect(port: Int) -> CInt? {
        let descriptor = socket()
        var address = address(UInt16(port))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                #if canImport(Darwin)
                Darwin.connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                #elseif canImport(Musl)
                Musl.connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                #else
                Glibc.connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                #endif
            }
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// A port below those that systems give to outgoing connections: whoever tries a stopped server again and again would
    /// connect to itself one day.
    static func freePort() throws -> Int {
        for _ in 0..<100 {
            guard let (descriptor, port) = try? listen(port: UInt16.random(in: 22_000..<32_000)) else { continue }
            close(descriptor)
            return port
        }
        throw NoSocket()
    }

    private static func socket() -> CInt {
        #if canImport(Glibc)
        Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #elseif canImport(Musl)
        Musl.socket(AF_INET, SOCK_STREAM, 0)
        #else
        Darwin.socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        return address
    }

    /// - Returns: What came, at most 64 KiB; `nil` at the end.
    static func read(_ descriptor: CInt) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    static func write(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
        var start = 0
        while start < bytes.count {
            #if canImport(Darwin)
            let flags: CInt = 0
            #else
            let flags = CInt(MSG_NOSIGNAL)
            #endif
            let count = bytes[start...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }

    /// Ends it for both sides, and wakes who waits for it.
    static func end(_ descriptor: CInt) { shutdown(descriptor, CInt(SHUT_RDWR)) }

    static func release(_ descriptor: CInt) { close(descriptor) }
}
#endif
