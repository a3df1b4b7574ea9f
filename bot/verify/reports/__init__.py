"""Parsers of other tools' test reports: text and exit code in, `TestReport` out. Pure; never raise."""
