from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from api.main import api
from api.routes import files
from config import health, violations

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("media/default.jpg", files.default_picture),
    path("media/<str:token>", files.media),
    path("csp-reports", violations.violations),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
handler500 = "admin_dashboards.failures.failed"
