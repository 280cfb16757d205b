"""The version, where the build and the program both read it."""

VERSION = "0.1.0"
