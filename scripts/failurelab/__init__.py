"""The failure lab: real failures between network namespaces, captured with known truth."""
