import ArgumentParser
import Hummingbird
import Mustache
@main struct SessionDemo: ParsableCommand { func run() {} }
