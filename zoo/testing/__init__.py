"""The battery of checks that every model of the zoo passes, for models of your own too."""

from zoo.testing.battery import CHECKS as CHECKS
from zoo.testing.battery import ModelCheckError as ModelCheckError
from zoo.testing.battery import Report as Report
from zoo.testing.battery import check_model as check_model
from zoo.testing.reloading import Reloader as Reloader
from zoo.testing.subject import Subject as Subject
