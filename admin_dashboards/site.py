from unfold.sites import UnfoldAdminSite


class InflooAdminSite(UnfoldAdminSite):
    """The console."""
