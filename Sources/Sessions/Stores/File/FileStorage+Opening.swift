extension FileStorage {
    /// The path in a form that still means the same when the process has changed its current folder, without the
    /// trailing slash behind which a symbolic link would be followed.
    static func absolute(_ path: String) throws(SessionStoreError) -> String {
        guard !path.isEmpty else {
            throw SessionStoreError(.misconfigured, "the path of the session folder is empty; give one")
        }
        guard !path.utf8.contains(0) else {
            throw SessionStoreError(.misconfigured, "the path of the session folder contains a zero byte")
        }
        var path = path
        if !path.hasPrefix("/") {
            guard let current = FileSystem.currentFolder else {
                throw SessionStoreError(
                    .misconfigured,
                    "the path of the session folder is relative and there is no current folder; give an absolute path"
                )
            }
            path = current + "/" + path
        }
        while path.count > 1, path.hasSuffix("/") || path.hasSuffix("/.") { path.removeLast() }
        return path
    }

    static func exposedFolderError(_ path: String) -> SessionStoreError {
        SessionStoreError(
            .misconfigured,
            """
            others may write to the session folder \(path), and could plant or remove sessions: give it to this user \
            alone (chmod 700), or use another folder
            """
        )
    }

    /// Opens the folder, made with mode 0700 if it is missing, parents included.
    static func openRoot(
        _ path: String,
        _ fileSystem: FileSystem,
        isFlushed: Bool
    ) throws(SessionStoreError) -> FileDescriptor {
        let root: FileDescriptor
        do throws(FileFailure) {
            do throws(FileFailure) {
                root = try fileSystem.openFolder(path: path)
            } catch {
                guard error.isNotFound else { throw error }
                try makeFolders(path, fileSystem, isFlushed: isFlushed)
                root = try fileSystem.openFolder(path: path)
            }
        } catch {
            if error.isLinkOrNoFolder {
                throw SessionStoreError(
                    .misconfigured,
                    "the session folder \(path) is a symbolic link, or something in its path is no folder; give a real one"
                )
            }
            if error.isForbidden || error.isNotFound {
                throw SessionStoreError(
                    .misconfigured,
                    "the session folder \(path) cannot be opened or made: \(error.text)",
                    cause: error
                )
            }
            throw storeError(error, path: path, ifForbidden: .misconfigured)
        }
        let status: FileSystem.Status
        do throws(FileFailure) {
            status = try fileSystem.status(of: root)
        } catch {
            throw storeError(error, path: path, ifForbidden: .misconfigured)
        }
        guard status.owner == FileSystem.user else {
            throw SessionStoreError(
                .misconfigured,
                "the session folder \(path) belongs to another user (\(status.owner)): use a folder of this user's own"
            )
        }
        guard status.permissions & 0o022 == 0 else { throw exposedFolderError(path) }
        return root
    }

    private static func makeFolders(
        _ path: String,
        _ fileSystem: FileSystem,
        isFlushed: Bool
    ) throws(FileFailure) {
        var made = ""
        for component in path.split(separator: "/") {
            let parent = made
            made += "/" + component
            do throws(FileFailure) {
                _ = try fileSystem.status(path: made)
            } catch {
                guard error.isNotFound else { throw error }
                try fileSystem.makeFolder(path: made)
                // With the dot, because a parent may be a symbolic link.
                if isFlushed { try fileSystem.flushAll(fileSystem.openFolder(path: parent + "/.")) }
            }
        }
    }

    /// Says in the folder what it is, or reads what another process or an earlier or later version has said.
    static func checkMarker(
        _ root: borrowing FileDescriptor,
        _ path: String,
        _ fileSystem: FileSystem,
        isFlushed: Bool
    ) throws(FileFailure) {
        let name = FileStoreLayout.marker
        let expected = FileStoreLayout.markerContent
        let file: FileDescriptor
        do throws(FileFailure) {
            file = try fileSystem.open(name, in: root, for: .read)
        } catch {
            guard error.isNotFound else { throw error }
            let temporary = FileStoreLayout.temporaryName()
            let made = try fileSystem.open(temporary, in: root, for: .createExclusively)
            do throws(FileFailure) {
                try fileSystem.setPermissions(0o600, of: made)
                try fileSystem.write(expected, to: made, at: 0)
                if isFlushed { try fileSystem.flush(made) }
                try fileSystem.link(temporary, as: name, in: root)
            } catch {
                try? fileSystem.unlink(temporary, in: root)
                // Another process that starts at the same moment has said the same.
                guard error.isExisting else { throw error }
                return try checkMarker(root, path, fileSystem, isFlushed: isFlushed)
            }
            try fileSystem.unlink(temporary, in: root)
            return
        }
        let content = try fileSystem.read(file, count: 64)
        guard content == expected else {
            let prefix = expected.prefix { $0 != UInt8(ascii: "1") }
            throw .store(
                content.starts(with: prefix)
                    ? SessionStoreError(.newerFormat, "the session folder \(path) has the layout of a later version")
                    : SessionStoreError(.misconfigured, "\(path)/\(name) is not this library's: use another folder")
            )
        }
    }

    static func openKind(
        _ kind: Kind,
        in root: borrowing FileDescriptor,
        _ path: String,
        _ fileSystem: FileSystem
    ) throws(FileFailure) -> FileDescriptor {
        _ = try fileSystem.makeFolder(kind.name, in: root)
        let folder: FileDescriptor
        do throws(FileFailure) {
            folder = try fileSystem.openFolder(kind.name, in: root)
        } catch {
            guard error.isLinkOrNoFolder else { throw error }
            throw .store(
                SessionStoreError(.misconfigured, "\(path)/\(kind.name) is not a folder: use another session folder")
            )
        }
        let status = try fileSystem.status(of: folder)
        guard status.owner == FileSystem.user, status.permissions & 0o022 == 0 else {
            throw .store(exposedFolderError("\(path)/\(kind.name)"))
        }
        return folder
    }
}
