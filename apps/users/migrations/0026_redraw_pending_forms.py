"""Have the PDF files that wait for a decision inspected again: the release before drew many of their forms empty. All
who used one form looked like twins then, and letters that were missing were not noticed. The next run of
`users.inspect_left_over` draws them, or whoever opens one."""

from django.db import migrations
from django.db.models import Q


def redraw(apps, schema_editor):
    def rows(name):
        return apps.get_model("users", name).objects.using(schema_editor.connection.alias)

    pending = rows("Document").filter(status="pending", media_type="application/pdf", pages__isnull=False)
    rows("DocumentTwin").filter(Q(document__in=pending) | Q(other__in=pending)).delete()
    rows("DocumentPrint").filter(document__in=pending).delete()
    # Facts of the file are no version of the document.
    pending.update(pages=None)


class Migration(migrations.Migration):
    dependencies = [("users", "0025_suspensions")]

    operations = [migrations.RunPython(redraw, migrations.RunPython.noop, elidable=True)]
