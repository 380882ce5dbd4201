"""Who a group and its members are: the authority of its tracker, its group id and group link, certificates.

Everything here is X.509 and arithmetic over it; nothing knows of trackers, peers or front ends, which all use it.
"""
