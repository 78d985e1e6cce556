from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("users", "0011_four_eyes")]

    operations = [
        ValidateConstraint(model_name="document", name="document_four_eyes"),
        ValidateConstraint(model_name="document", name="document_two_people"),
    ]
