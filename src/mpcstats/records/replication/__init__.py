"""Replication: every node keeps all nodes' logs, and any node finds out another that changes one."""
